"""What a person typed, as PostgreSQL looks for it.

Every word is looked for as it is written and begun, and as its stems in the languages of the hub;
accents, capitals and signs make no difference. The words are split and stemmed by the database,
since that is how the texts were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db import connection

# More is no search: of a page that somebody pasted, the first words are looked for.
MOST_CHARACTERS = 200
MOST_WORDS = 8

# What PostgreSQL's parser calls all that is between words: “€” too, which no index holds.
BLANK = 12
SPLIT = """
SELECT plain, lower(token), ts_lexize('english_stem', token), ts_lexize('french_stem', token)
FROM (SELECT btrim(search_plain(%s)) AS plain) AS typed
LEFT JOIN LATERAL ts_parse('default', plain) WITH ORDINALITY AS part (tokid, token, place)
    ON tokid <> %s
ORDER BY place
"""


@dataclass(frozen=True)
class Word:
    text: str
    stems: frozenset[str]
    # “the”, “des”: in every text, and in no index of stems.
    is_common: bool

    def query(self, weight: str = "") -> str:
        # A weight has the index look into each row: none is named where any will do.
        end = f":{weight}" if weight else ""
        forms = [f"{quoted(self.text)}:*{weight}"]
        forms += [quoted(stem) + end for stem in sorted(self.stems)]
        return f"({' | '.join(forms)})"


@dataclass(frozen=True)
class Typed:
    # As it stands in the field, cut to what was looked for.
    text: str
    # Without accents, capitals and signs: what names are compared with.
    plain: str
    words: tuple[Word, ...]
    is_cut: bool

    def __bool__(self) -> bool:
        return bool(self.words)

    @property
    def query(self) -> str:
        """In any text; a single letter only in titles, or it would find everything."""
        is_letter = len(self.words) == 1 and len(self.plain) == 1
        return self.all_of("A" if is_letter else "")

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Of all words, but for those so short that anything begins with them."""
        return tuple({stem for each in self.words for stem in each.stems if len(stem) > 2})

    @property
    def titles(self) -> str:
        return self.all_of("A")

    @property
    def some(self) -> str:
        return " | ".join(word.query() for word in self.words)

    def all_of(self, weight: str) -> str:
        return " & ".join(word.query(weight) for word in self.words)


def read(text: str) -> Typed:
    clean = cleaned(text)
    shown = clean[:MOST_CHARACTERS]
    if not shown:
        return Typed("", "", (), False)
    with connection.cursor() as cursor:
        cursor.execute(SPLIT, [shown, BLANK])
        rows = cursor.fetchall()
    words = [word(*row[1:]) for row in rows if row[1]]
    telling = [each for each in words if not each.is_common] or words
    is_cut = len(clean) > len(shown) or len(telling) > MOST_WORDS
    return Typed(shown, rows[0][0], tuple(telling[:MOST_WORDS]), is_cut)


def cleaned(text: str) -> str:
    """Without what no text in PostgreSQL can hold, nor a field of one line: NUL, halves of
    surrogate pairs, line breaks."""
    whole = text[: 10 * MOST_CHARACTERS].encode(errors="ignore").decode()
    return " ".join("".join(sign if sign.isprintable() else " " for sign in whole).split())


def word(text: str, english: list[str], french: list[str]) -> Word:
    stems = frozenset(english + french) - {text}
    return Word(text, stems, is_common=not english or not french)


def quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
