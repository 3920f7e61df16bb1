"""The database itself refuses to change or take away what the audit log holds.

A row trigger does not see TRUNCATE, so that is refused too, unless the session says that it means
it (`SET llmhub.allow_truncate = 'on'`): test runners empty tables that way. Whoever owns the table
can switch triggers off; `manage.py verify_audit` finds what they did then.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entry % of the audit log of project % stays as it is', OLD.number, OLD.project_id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER audit_refuse_change BEFORE UPDATE OR DELETE ON accounts_auditentry FOR EACH ROW
EXECUTE FUNCTION audit_refuse_change();

CREATE FUNCTION audit_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('llmhub.allow_truncate', true), '') <> 'on' THEN
        RAISE EXCEPTION '% is not truncated; SET llmhub.allow_truncate = ''on'' if you mean it', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_refuse_truncate BEFORE TRUNCATE ON accounts_auditentry FOR EACH STATEMENT
EXECUTE FUNCTION audit_refuse_truncate();
"""

DROP = """
DROP TRIGGER audit_refuse_truncate ON accounts_auditentry;
DROP FUNCTION audit_refuse_truncate();
DROP TRIGGER audit_refuse_change ON accounts_auditentry;
DROP FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_auditentry")]

    operations = [migrations.RunSQL(CREATE, DROP)]
