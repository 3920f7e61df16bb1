"""The database itself refuses to take a run out of a terminal state, whoever asks.

A row trigger does not see TRUNCATE, so that is refused too, unless the session says that it
means it (`SET llmhub.allow_truncate = 'on'`): test runners empty tables that way.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION runs_keep_terminal_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'run % is %, and that is final', OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER runs_keep_terminal_state BEFORE UPDATE ON runs_run FOR EACH ROW
WHEN (OLD.state IN ('succeeded', 'failed', 'stopped') AND NEW.state IS DISTINCT FROM OLD.state)
EXECUTE FUNCTION runs_keep_terminal_state();

CREATE FUNCTION runs_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('llmhub.allow_truncate', true), '') <> 'on' THEN
        RAISE EXCEPTION 'runs are not truncated; SET llmhub.allow_truncate = ''on'' if you mean it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER runs_refuse_truncate BEFORE TRUNCATE ON runs_run FOR EACH STATEMENT
EXECUTE FUNCTION runs_refuse_truncate();
"""

DROP = """
DROP TRIGGER runs_refuse_truncate ON runs_run;
DROP FUNCTION runs_refuse_truncate();
DROP TRIGGER runs_keep_terminal_state ON runs_run;
DROP FUNCTION runs_keep_terminal_state();
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
