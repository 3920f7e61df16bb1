"""The words by which recipes are found, in every language that they speak."""

from django.db import migrations

WORDS = """
ALTER TABLE recipes_recipe ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(search_joined(title, '$.*'), 'A')
    || search_words(slug, 'A')
    || search_words(objective, 'D')
    || search_words(search_joined(summary, '$.*'), 'D')
) STORED;
CREATE INDEX recipes_recipe_words ON recipes_recipe USING gin (words);
"""

NO_WORDS = """
ALTER TABLE recipes_recipe DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("recipes", "0001_initial"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
