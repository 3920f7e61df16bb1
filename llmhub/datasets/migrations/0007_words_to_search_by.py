"""The words by which datasets and mixes are found."""

from django.db import migrations

WORDS = """
ALTER TABLE datasets_dataset ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(slug, 'A')
    || search_words(description, 'D')
    || search_words(source, 'D')
    || search_words(licence, 'D')
    || search_words(licence_note, 'D')
) STORED;
CREATE INDEX datasets_dataset_words ON datasets_dataset USING gin (words);

ALTER TABLE datasets_mix ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(slug, 'A')
    || search_words(description, 'D')
) STORED;
CREATE INDEX datasets_mix_words ON datasets_mix USING gin (words);
"""

NO_WORDS = """
ALTER TABLE datasets_dataset DROP COLUMN words;
ALTER TABLE datasets_mix DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("datasets", "0006_remove_datasetversion_file"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
