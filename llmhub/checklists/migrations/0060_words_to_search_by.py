"""The words by which templates are found: what they ask, in every language that they speak.

An index over a function and no column: versions of templates refuse every change, and a column that
PostgreSQL fills looks like one to their trigger. The function reads all of a template, so that the
index is worth it however few there are: hence its cost.
"""

from django.db import migrations

WORDS = """
CREATE FUNCTION checklists_words(content jsonb) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100000
RETURN search_words(search_joined(content, '$.title.*'), 'A')
    || search_words(search_joined(content, '$.lede.*'), 'D')
    || search_words(search_joined(content, '$.groups[*].title.*'), 'D')
    || search_words(search_joined(content, '$.groups[*].items[*].title.*'), 'B')
    || search_words(search_joined(content, '$.groups[*].items[*].help.*'), 'D');

CREATE INDEX checklists_templateversion_words
ON checklists_templateversion USING gin (checklists_words(content));
"""

NO_WORDS = """
DROP INDEX checklists_templateversion_words;
DROP FUNCTION checklists_words(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_words_to_search_by"),
        ("checklists", "0050_what_is_signed_stays"),
    ]

    operations = [migrations.RunSQL(WORDS, NO_WORDS)]
