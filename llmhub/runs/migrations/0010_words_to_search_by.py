"""The words by which runs, pipelines and workers are found: columns that PostgreSQL fills itself, of
which the models know nothing, so that no list reads them."""

from django.db import migrations

WORDS = """
ALTER TABLE runs_run ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(search_joined(tags::text[]), 'A')
    || search_words(notes, 'D')
    || search_words(objective, 'D')
) STORED;
CREATE INDEX runs_run_words ON runs_run USING gin (words);
-- To see at once which of many runs have just this name, or one that begins so.
ALTER TABLE runs_run ADD COLUMN plain_name text GENERATED ALWAYS AS (search_plain(name)) STORED;

ALTER TABLE runs_pipeline ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
) STORED;
CREATE INDEX runs_pipeline_words ON runs_pipeline USING gin (words);

ALTER TABLE runs_worker ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(search_joined(devices, '$[*].name'), 'D')
) STORED;
CREATE INDEX runs_worker_words ON runs_worker USING gin (words);
"""

NO_WORDS = """
ALTER TABLE runs_run DROP COLUMN plain_name;
ALTER TABLE runs_run DROP COLUMN words;
ALTER TABLE runs_pipeline DROP COLUMN words;
ALTER TABLE runs_worker DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("runs", "0009_external_runs_and_their_files"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
