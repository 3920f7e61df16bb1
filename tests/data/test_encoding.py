import pytest

from tests.data.measured import checked, rows
from workers.data.report import encoding, mojibake
from workers.data.report.encoding import Encoding

CLEAN = [
    "Plain ASCII\twith tabs\r\nand lines.",
    "Voilà : « C’était l’été »\u00a0! CAFÉ\u00a0!",
    "un été\u00a0» dit-il, à\u00a0©",
    "Âge d’Ânes, «\u00a0PÂ\u00a0», MANHÃ” e AMANHÃ…”",
    "Ångström, naïve, Ærø, señor ¿qué? Ñandú® CAFÉ® ×° Ø²",
    "Привет, мир! Ελληνικά ÎÏ",
    "日本語のテキスト、한국어",
    "می‌خواهم नमस्‍ते 👩‍👩‍👧‍👦 ❤️",
    "a\u0301 combined",
]


@pytest.mark.parametrize("text", CLEAN)
def test_good_text_of_any_language_is_left_alone(text):
    assert encoding.find(text) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("replacement", "caf\ufffd"),
        ("control", "a\x07b"),
        ("control", "a\x9db"),
        ("control", "a\x7fb"),
        ("invisible", "zero\u200bwidth"),
        ("invisible", "\ufeffin the middle"),
        ("invisible", "joi\u200dned"),
        ("bidi", "user\u202e txt.exe"),
        ("private_use", "icon \ue001"),
        ("private_use", "\U000f0001"),
        ("mojibake", "cafÃ©"),
    ],
)
def test_odd_characters_are_found_and_named(kind, text):
    assert [found for found, _ in encoding.find("ordinary text " + text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        *("café", "à la carte", "Ärger über Größe", "señor ¿qué?", "ça", "zażółć gęślą jaźń"),
        *("it’s “quoted” – really…", "20 °C", "£5", "«bon»", "Привет мир", "Ελληνικά", "日本語"),
        *("smile 😀", "\ufeffstart", "replacement \ufffd", "שלום", "مرحبا"),
    ],
)
def test_text_that_was_read_in_the_wrong_encoding_is_found(text):
    wrong = "".join(bytes([b]).decode("cp1252", errors="ignore") or chr(b) for b in text.encode())
    found = list(mojibake.find(wrong))
    assert found
    assert all(mojibake.repaired(wrong[start:end]) in text for start, end in found)


def test_what_is_doubtful_counts_beside_what_is_certain():
    assert len(list(mojibake.find("cafÃ© Ã\u00a0 la carte"))) == 2


def test_rows_and_occurrences_are_counted_and_shown(tmp_path):
    texts = ["good", "b\x07d \x07", "cafÃ© \u200b", *["\x07"] * 9]
    found = checked(Encoding(), rows(tmp_path, texts))
    assert (found["rows"], found["share"]) == (11, 11 / 12)
    control = found["kinds"]["control"]
    assert (control["rows"], control["count"], len(control["examples"])) == (10, 11, 5)
    assert control["examples"][0] == {"row": 1, "text": "b<U+0007>d <U+0007>"}
    assert found["kinds"]["mojibake"]["examples"] == [{"row": 2, "text": "cafÃ© <U+200B>"}]
    assert found["kinds"]["bidi"] == {"rows": 0, "count": 0, "examples": []}
