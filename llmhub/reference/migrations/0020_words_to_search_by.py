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

ALTER TABLE reference_ownresource ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(title, 'A')
    || search_words(notes, 'D')
    || search_words(url, 'D')
) STORED;
CREATE INDEX reference_ownresource_words ON reference_ownresource USING gin (words);
"""

NO_WORDS = """
ALTER TABLE reference_ownresource DROP COLUMN words;
ALTER TABLE reference_entry DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("reference", "0010_own_resources"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
