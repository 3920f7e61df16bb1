import random
from itertools import pairwise

import pytest

from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import as_text
from tests.data import people
from tests.data.measured import checked, rows
from tests.data.people import REGIONS
from workers.data.derive.anonymise import anonymise as anonymise_row
from workers.data.report.personal import anonymise, find, mask
from workers.data.report.personal_check import PersonalData

OF_EACH = 300


def found(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in find(text, REGIONS)]


@pytest.mark.parametrize("kind", people.KINDS)
def test_valid_data_of_every_kind_are_found_as_they_are_written(kind):
    draw = random.Random(1)
    made = [people.KINDS[kind](draw) for _ in range(OF_EACH)]
    hits = sum((kind, value) in found(sentence) for value, sentence in made)
    assert hits >= 0.99 * OF_EACH


@pytest.mark.parametrize("maker", people.IDS)
def test_numbers_of_persons_of_every_country_are_found(maker):
    draw = random.Random(2)
    made = [maker(draw) for _ in range(50)]
    assert sum(("id", value) in found(sentence) for value, sentence in made) >= 49


@pytest.mark.parametrize(
    "number",
    [
        *("+33 6 12 34 56 78", "+33612345678", "06 12 34 56 78", "06.12.34.56.78", "0612345678"),
        *("(201) 555-0123", "201-555-0123", "201.555.0123", "+1 (201) 555-0123", "1-201-555-0123"),
        *("020 7946 0958", "+44 20 7946 0958", "0044 20 7946 0958", "+44 (0)20 7946 0958"),
        *("030 123456", "+49 30 123456", "01512 3456789", "+81 3-1234-5678"),
    ],
)
def test_phone_numbers_are_found_in_the_forms_of_their_countries(number):
    assert found(f"I am at {number}, most days.") == [("phone", number)]


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png and lodash@4.17.21, W@x.shape, @property def user@host, git@github.com:a/b",
        "on 2024-01-15 10:22:33, 15/01/2024, 15.01.2024, from 1999-2004 and 2019 2020",
        "3.14159265358979, 0.4111111111111111, (0.38663198, 0.88431272), 1,234,567.89, 12 345 678",
        "48/2 = <<48/2=24>>24, 10000000 * 5 = 50000000, 1234567890, 0123456789, 20000000",
        "std::vector::at 12:34:56:78 aa:bb:cc:dd:ee:ff ::1 fe80::1 2001:db8::1 a::b::c",
        "127.0.0.1 192.168.1.10 10.20.30.40 version 12.34.56.78 v82.64.12.7 1.2.3.4 300.1.2.345",
        "4111 1111 1111 1112 and 1234567812345678, f(4111111111111111), id 4111111111111111x",
        "536-90-4399 without its name, 943 476 591 and 36574261809, 123456789",
        "FR76 3000 6000 0112 3456 7890 188, GB29 and ISBN 0-8247-7487-6, ISSN 0209-9683",
        "12345678A 00000000X X1234567A 390.533.447-06 756.9217.0769.84 85.07.30-033.29",
        "-2.002 319 304 3622   0.000 000 000 0015, [*0201.0020.0002], 110854824     0 160133733",
        'ObjectIdentifier("2.5.29.14"), 1.0.0.127.in-addr.arpa, 52.216.0.0/15, section 10.11.12.13',
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert found(text) == []


def test_a_weak_number_needs_its_name_nearby():
    assert found("the NHS number is 943 476 5919") == [("id", "943 476 5919")]
    assert found("SSN: 536-90-4399") == [("id", "536-90-4399")]
    assert found("the sum is 536-90-4399") == []


def test_a_word_in_capitals_behind_an_account_is_no_part_of_it():
    text = "FR76 3000 6000 0112 3456 7890 189 BANK"
    assert found(text) == [("iban", text.removesuffix(" BANK"))]


def test_what_was_found_does_not_overlap_and_is_in_order():
    draw = random.Random(3)
    sentences = [make(draw)[1] for make in people.KINDS.values() for _ in range(20)]
    draw.shuffle(sentences)
    spans = find(" ".join(sentences), REGIONS)
    assert len(spans) >= 100
    assert all(one.end <= other.start for one, other in pairwise(spans))


@pytest.mark.parametrize("text", ["1", "a.", "a:", "1 ", "a@", "1.", "(0", "AA00"])
def test_long_texts_of_one_sign_are_read_to_their_end(text):
    """Patterns that look far ahead from every place would take hours."""
    assert found(text * 300_000) == []


def test_values_are_masked_but_for_their_form():
    assert mask("email", "jane.doe@mail.example.com") == "j•••@•••.com"
    assert mask("phone", "+33 6 12 34 56 78") == "+33 • •• •• •• ••"
    assert mask("ip", "82.64.12.7") == "82.••.••.•"
    assert mask("iban", "DE89 3704 0044") == "DE•• •••• ••••"


def test_anonymised_text_says_what_was_there_and_has_none_of_it():
    text = "Ann (ann@example.com, +33 6 12 34 56 78) pays 4111 1111 1111 1111 from 82.64.12.7."
    assert anonymise(text, REGIONS) == "Ann ([EMAIL], [PHONE]) pays [CARD] from [IP]."


def test_every_kind_of_row_is_anonymised_as_a_report_reads_it():
    asked = {"role": "user", "content": "What is your SSN?"}
    told = {"role": "assistant", "content": "It is 536-90-4399, mail a@example.com."}
    made = [
        (Kind.TEXT, {"text": "a@example.com"}),
        (Kind.CHAT, {"messages": [asked, told]}),
        (Kind.PROMPT_COMPLETION, {"system": "SSN", "prompt": "536-90-4399", "completion": "b"}),
        (
            Kind.PREFERENCE,
            {"prompt": "My SSN?", "chosen": "536-90-4399", "rejected": "x", "history": [asked]},
        ),
        (Kind.PROMPTS, {"prompt": "a@example.com"}),
    ]
    for kind, row in made:
        before = as_text(kind, row)
        count = len(find(before, REGIONS))
        assert count > 0
        assert anonymise_row(row, REGIONS).total() == count
        assert as_text(kind, row) == anonymise(before, REGIONS)


def test_rows_are_counted_by_kind_and_shown_masked(tmp_path):
    texts = ["a@example.com and b@example.com", "nothing", "from 82.64.12.7 c@example.org"]
    report = checked(PersonalData(REGIONS), rows(tmp_path, texts))
    assert (report["rows"], report["share"]) == (2, 2 / 3)
    assert report["kinds"]["email"] == {
        "rows": 2,
        "count": 3,
        "examples": [{"row": 0, "text": "a•••@•••.com"}, {"row": 2, "text": "c•••@•••.org"}],
    }
    assert report["kinds"]["ip"]["count"] == 1
    assert report["kinds"]["card"]["count"] == 0
