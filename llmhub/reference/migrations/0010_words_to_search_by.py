"""The words by which entries are found, with the stems of the language that they speak."""

from django.db import migrations

WORDS = """
ALTER TABLE reference_entry ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(title, 'A', language)
    || search_words(aliases, 'A', language)
    || search_words(short, 'D', language)
    || search_words(text, 'D', language)
) STORED;
CREATE INDEX reference_entry_words ON reference_entry USING gin (words);
"""

NO_WORDS = """
ALTER TABLE reference_entry DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("reference", "0001_initial"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
