"""The words by which hypotheses are found."""

from django.db import migrations

WORDS = """
ALTER TABLE research_hypothesis ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(statement, 'A')
    || search_words(notes, 'D')
    || search_words(conclusion, 'D')
    || search_words(metric, 'D')
) STORED;
CREATE INDEX research_hypothesis_words ON research_hypothesis USING gin (words);
"""

NO_WORDS = """
ALTER TABLE research_hypothesis DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("research", "0001_initial"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
