"""The database itself refuses to change or take away what somebody signed, and what they signed on.

Of a signature or a waiver only the withdrawal may come later, once and while its checklist is open.
Evidence is filled once, when its check ends. A version of a template never changes, and a checklist
that is signed off is at most opened again. Nothing of it is deleted, not even with its run: a run
or a version with a checklist stays (`organise.delete_one`, `registering.delete`), so that the audit
log never speaks of rows that nobody can look at. For TRUNCATE see accounts 0005.
"""

import django.db.models.deletion
from django.db import migrations, models

# What may follow later in these columns: the object they point at is gone.
FOLLOWS = """
CREATE FUNCTION checklists_same(old jsonb, new jsonb, VARIADIC free text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT old - free = new - free $$;

CREATE FUNCTION checklists_refuse(kind text, id bigint, why text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % stays as it is: %', kind, id, why
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION checklists_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'the audit log speaks of it');
    RETURN NULL;
END $$;

CREATE FUNCTION checklists_bound_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT checklists_same(to_jsonb(OLD), to_jsonb(NEW), 'withdrawn_at', 'carried_from_id') THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'only its withdrawal comes later');
    END IF;
    IF to_jsonb(NEW) -> 'carried_from_id' <> 'null'
        AND to_jsonb(NEW) -> 'carried_from_id' <> to_jsonb(OLD) -> 'carried_from_id' THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'it was carried over from where it says');
    END IF;
    IF NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at THEN
        IF OLD.withdrawn_at IS NOT NULL THEN
            PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'it was withdrawn');
        END IF;
        IF (SELECT state FROM checklists_checklist WHERE id = OLD.checklist_id) <> 'open' THEN
            PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'its checklist is not open');
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION checklists_evidence_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT checklists_same(to_jsonb(OLD), to_jsonb(NEW), 'job_id')
        AND (OLD.kind <> 'check' OR OLD.outcome <> '') THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'it has been taken');
    END IF;
    IF NOT checklists_same(to_jsonb(OLD), to_jsonb(NEW), 'job_id', 'outcome', 'check_version',
        'measured', 'inputs', 'reasons', 'note', 'taken_at') THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'only what the check found comes later');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION checklists_template_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT checklists_same(to_jsonb(OLD), to_jsonb(NEW), 'created_by_id')
        OR (NEW.created_by_id IS NOT NULL AND NEW.created_by_id IS DISTINCT FROM OLD.created_by_id) THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'a change makes a new version');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION checklists_settled_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'it was signed off');
        RETURN NULL;
    END IF;
    IF NOT checklists_same(to_jsonb(OLD), to_jsonb(NEW), 'carried_from_id') AND NOT (
        NEW.state = 'open' AND NEW.settled_at IS NULL AND checklists_same(
            to_jsonb(OLD), to_jsonb(NEW), 'carried_from_id', 'state', 'settled_at', 'is_solo')) THEN
        PERFORM checklists_refuse(TG_TABLE_NAME, OLD.id, 'it was signed off');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER checklists_settled_stays BEFORE UPDATE OR DELETE ON checklists_checklist FOR EACH ROW
WHEN (OLD.state = 'settled') EXECUTE FUNCTION checklists_settled_stays();
"""
STAYS = {
    "signature": "bound",
    "waiver": "bound",
    "evidence": "evidence",
    "templateversion": "template",
}
# A check that has found nothing was not recorded.
MAY_GO = {"evidence": "WHEN (OLD.kind <> 'check' OR OLD.outcome <> '')"}
TRUNCATED = ["checklist", *STAYS]

CREATE = FOLLOWS + "".join(
    [
        f"""
CREATE TRIGGER checklists_{table}_stays BEFORE UPDATE ON checklists_{table} FOR EACH ROW
EXECUTE FUNCTION checklists_{function}_stays();
CREATE TRIGGER checklists_refuse_delete BEFORE DELETE ON checklists_{table} FOR EACH ROW
{MAY_GO.get(table, "")}
EXECUTE FUNCTION checklists_refuse_delete();
"""
        for table, function in STAYS.items()
    ]
    + [
        f"""
CREATE TRIGGER checklists_refuse_truncate BEFORE TRUNCATE ON checklists_{table} FOR EACH STATEMENT
EXECUTE FUNCTION audit_refuse_truncate();
"""
        for table in TRUNCATED
    ]
)

DROP = "".join(
    [f"DROP TRIGGER checklists_refuse_truncate ON checklists_{table};" for table in TRUNCATED]
    + [
        f"""
DROP TRIGGER checklists_refuse_delete ON checklists_{table};
DROP TRIGGER checklists_{table}_stays ON checklists_{table};
"""
        for table in STAYS
    ]
    + ["DROP TRIGGER checklists_settled_stays ON checklists_checklist;"]
    + [
        f"DROP FUNCTION checklists_{name};"
        for name in (
            "settled_stays", "template_stays", "evidence_stays", "bound_stays", "refuse_delete",
            "refuse", "same",
        )
    ]
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_audit_entries_stay"),
        ("checklists", "0040_letters"),
    ]

    operations = [
        # The number stays, as those of people do: what evidence says must not change.
        migrations.AlterField(
            model_name="evidence",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="runs.run",
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
