"""The words by which models, their versions and the tasks that judge them are found."""

from django.db import migrations

WORDS = """
ALTER TABLE registry_model ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(slug, 'A')
    || search_words(description, 'D')
) STORED;
CREATE INDEX registry_model_words ON registry_model USING gin (words);

ALTER TABLE registry_modelversion ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words('v' || number, 'A')
    || search_words(notes, 'D')
    || search_words(licence, 'D')
    || search_words(stage, 'D')
) STORED;
CREATE INDEX registry_modelversion_words ON registry_modelversion USING gin (words);

ALTER TABLE registry_evaluationtask ADD COLUMN words tsvector GENERATED ALWAYS AS (
    search_words(name, 'A')
    || search_words(slug, 'A')
    || search_words(description, 'D')
) STORED;
CREATE INDEX registry_evaluationtask_words ON registry_evaluationtask USING gin (words);
"""

NO_WORDS = """
ALTER TABLE registry_model DROP COLUMN words;
ALTER TABLE registry_modelversion DROP COLUMN words;
ALTER TABLE registry_evaluationtask DROP COLUMN words;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("registry", "0031_damage"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
