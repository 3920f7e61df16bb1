"""What every app's texts are searched by. No extension is needed: `unaccent` and `pg_trgm` are not
part of every PostgreSQL."""

from django.db import migrations

# Without accents, capitals and signs, so that the parts of a name are words: `gpt2-125m_lr3`. Most
# texts are ASCII, and that is seen at once.
PLAIN = r"""
CREATE FUNCTION search_plain(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(
    CASE WHEN octet_length(content) = char_length(content) THEN lower(content)
    ELSE replace(replace(replace(translate(
        regexp_replace(normalize(lower(content), NFKD), '[\u0300-\u036f]', '', 'g'),
        'øłđı«»‹›“”„‘’‚–—−·•×', 'oldi                '), 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss')
    END,
    E'!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~\t\r\n', repeat(' ', 35)
);
"""

# Each word as it is written, for prefixes, and its stems in the languages of the hub, or in the one
# that is named. A text counts for its first 50,000 characters: more words than these would not fit
# into a tsvector.
WORDS = """
CREATE FUNCTION search_words(content text, weight "char", language text DEFAULT '')
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT setweight(
        to_tsvector('pg_catalog.simple'::regconfig, plain)
        || CASE WHEN language = 'fr' THEN ''
           ELSE to_tsvector('pg_catalog.english'::regconfig, plain) END
        || CASE WHEN language = 'en' THEN ''
           ELSE to_tsvector('pg_catalog.french'::regconfig, plain) END,
        weight)
    FROM (SELECT left(search_plain(left(coalesce(content, ''), 50000)), 50000) AS plain) AS one
);
"""

# Of several texts one: Django keeps them in arrays, and what is said in several languages in JSON.
# PostgreSQL takes its own functions for this to depend on settings, which those for texts do not.
JOINED = """
CREATE FUNCTION search_joined(contents text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN array_to_string(contents, ' ');

CREATE FUNCTION search_joined(contents jsonb, path jsonpath) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT string_agg(found #>> '{}', ' ') FROM jsonb_path_query(contents, path) AS found
);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_audit_entries_stay")]

    operations = [
        migrations.RunSQL(PLAIN, "DROP FUNCTION search_plain(text)"),
        migrations.RunSQL(WORDS, 'DROP FUNCTION search_words(text, "char", text)'),
        migrations.RunSQL(
            JOINED,
            "DROP FUNCTION search_joined(text[]), search_joined(jsonb, jsonpath)",
        ),
    ]
