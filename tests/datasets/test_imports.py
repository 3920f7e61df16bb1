"""From files to a version: what is kept, what is refused, and that nothing else stays behind."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from llmhub.datasets import imports, services
from llmhub.datasets.models import Dataset, DatasetFile, DatasetVersion, Import
from llmhub.jobs.models import Job
from llmhub.lib.problems import Problem
from tests.accounts.racing import at_once
from tests.datasets.importing import QUESTIONS, confirm, lines, register, send, zipped
from tests.factories import make_project
from tests.jobs.running import run_jobs

pytestmark = pytest.mark.django_db
STAGING = Import.STAGING


def leftovers() -> list[Path]:
    """Files in the staging folders of imports."""
    return [path for path in STAGING.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def nothing_left_before():
    """Tests that commit nothing leave what waits for a commit."""
    shutil.rmtree(STAGING, ignore_errors=True)


def test_rows_are_looked_at_before_anything_is_registered(atlas, bob):
    of = send(atlas, lines(QUESTIONS), "questions.jsonl", bob)
    assert of.state == Import.State.READY
    assert (of.found["kind"], of.found["format"]) == ("prompt_completion", "jsonl")
    assert of.found["rows"][0] == QUESTIONS[0]
    assert not Dataset.objects.exists()
    imports.discard(of)
    imports.remove_staging(of.staging())


def test_a_confirmed_import_becomes_a_version(atlas, bob, committed):
    content = lines(QUESTIONS)
    with committed():
        of = confirm(
            send(atlas, content, "questions.jsonl", bob, {"name": "Sums", "licence": "MIT"})
        )
    version = of.version
    assert of.state == Import.State.DONE
    assert (version.kind, version.rows, version.bytes) == ("prompt_completion", 12, len(content))
    assert version.created_by == bob
    assert (version.dataset.name, version.dataset.licence) == ("Sums", "MIT")
    assert version.files.get().path().read_bytes() == content
    assert version.sample[0] == QUESTIONS[0]
    assert leftovers() == []


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv", "a.txt"])
def test_the_formats_are_read_for_what_they_are(atlas, name, committed):
    content = {
        "a.jsonl.gz": zipped(lines(QUESTIONS)),
        "a.csv": b'prompt,completion\n"Two, and two?",4\nOne?,"1\n"\n',
        "a.txt": b"One passage.\n\nAnother passage.\n",
    }[name]
    with committed():
        version = register(atlas, content, name)
    kind, rows = {"a.txt": ("text", 2), "a.csv": ("prompt_completion", 2)}.get(
        name, ("prompt_completion", 12)
    )
    assert (version.kind, version.rows) == (kind, rows)


def test_the_hash_of_a_file_is_the_one_that_sha256sum_prints(atlas, committed):
    with committed():
        version = register(atlas, b"abc", "a.txt")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert version.files.get().sha256 == known


def test_other_columns_make_another_version_of_the_same_file(atlas, committed):
    rows = [{"prompt": f"a{n}", "completion": f"b{n}"} for n in range(5)]
    with committed():
        first = register(atlas, lines(rows))
        of = send(atlas, lines(rows), "rows.jsonl", dataset=first.dataset)
        swapped = confirm(of, columns={"prompt": "completion", "completion": "prompt"}).version
    assert swapped.number == 2
    assert swapped.sha256 != first.sha256
    assert swapped.sample[0] == {"prompt": "b0", "completion": "a0"}
    assert swapped.files.get().stored == first.files.get().stored


def test_content_that_the_project_has_is_not_registered_again(atlas, committed):
    with committed():
        version = register(atlas, lines(QUESTIONS))
        of = confirm(send(atlas, lines(QUESTIONS), "other.jsonl", facts={"name": "Other"}))
    assert of.state == Import.State.FAILED
    assert of.problem == {"code": "already_there", "values": {"version": str(version)}}
    assert DatasetVersion.objects.count() == 1
    assert not Dataset.objects.filter(name="Other").exists()
    assert leftovers() == []


def test_two_projects_share_the_file_and_nothing_else(atlas, committed):
    with committed():
        first = register(atlas, lines(QUESTIONS))
        second = register(make_project("borealis"), lines(QUESTIONS))
    assert first.files.get().stored == second.files.get().stored
    assert first.dataset != second.dataset


def test_a_damaged_file_is_repaired_by_the_next_person_who_brings_it(atlas, committed):
    with committed():
        path = register(atlas, b"the whole text", "a.txt").files.get().path()
        path.write_bytes(b"the wh")
        register(make_project("borealis"), b"the whole text", "a.txt")
    assert path.read_bytes() == b"the whole text"


BAD = {
    "a gzip that was cut off": (zipped(lines(QUESTIONS))[:-20], "a.jsonl.gz", "truncated"),
    "a bomb": (gzip.compress(b"all work\n" * 2**24, mtime=0), "a.txt.gz", "expands_too_much"),
    "a binary called .jsonl": (bytes(range(256)) * 64, "a.jsonl", "binary"),
    "NUL bytes": (b"one\0two\n", "a.txt", "binary"),
    "an archive": (b"PK\x03\x04" + bytes(60), "a.jsonl", "is_archive"),
    "nothing": (b"", "a.txt", "no_rows"),
    "a JSON array": (b'[{"text": "a"}]', "a.jsonl", "json_array"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused_with_its_reason_and_leaves_nothing(atlas, case, committed):
    content, name, code = BAD[case]
    with committed():
        of = send(atlas, content, name)
        if of.state == Import.State.READY:
            of = confirm(of)
    assert (of.state, of.problem["code"]) == (Import.State.FAILED, code)
    assert leftovers() == []
    assert not Dataset.objects.exists()
    assert not DatasetFile.objects.exists()
    with pytest.raises(Problem):
        raise Problem(code, **of.problem["values"])


def with_bad_row() -> bytes:
    rows = [json.dumps({"text": f"row {n}"}) for n in range(1, 2_001)]
    rows[999] = '{"text": "row 1000'
    return "\n".join(rows).encode()


def test_a_bad_row_is_named_and_may_be_left_out(atlas, committed):
    with committed():
        of = confirm(send(atlas, with_bad_row(), "rows.jsonl"))
    assert of.state == Import.State.FAILED
    assert of.problem["values"]["line"] == 1_000
    with committed():
        version = confirm(of, skip_bad=True).version
    assert (version.rows, version.skipped) == (1_999, 1)


def test_windows_text_is_read_once_its_encoding_is_chosen(atlas, committed):
    with committed():
        of = send(atlas, "Où est le café ?\n".encode("cp1252"), "a.txt")
    assert of.problem["code"] == "not_utf8"
    with committed():
        imports.look_again(of, {"encoding": "cp1252"})
        run_jobs()
        of.refresh_from_db()
        version = confirm(of).version
    assert version.sample[0] == {"text": "Où est le café ?\n"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\data\\notes.txt", "notes.txt"),
        ("evil\u202etxt.exe.txt", "eviltxt.exe.txt"),
        ('a"b<c>\n.txt', 'a"b<c>.txt'),
        ("\x00", "file"),
    ],
)
def test_a_name_is_shown_and_never_used_as_a_path(atlas, name, shown, committed):
    with committed():
        version = register(atlas, b"text", name)
    file = version.files.get()
    assert file.name == shown
    assert file.stored.startswith(f"datasets/{file.sha256[:2]}/{file.sha256}")


def test_a_piece_goes_where_the_last_one_ended(atlas):
    of = imports.begin(atlas, None, facts={"name": "x"}, files=[{"name": "a.txt", "bytes": 6}])
    assert imports.receive(of, 0, 0, b"abc") == 3
    with pytest.raises(imports.WrongOffset) as wrong:
        imports.receive(of, 0, 0, b"abc")
    assert wrong.value.received == 3
    with pytest.raises(Problem, match="longer than was announced"):
        imports.receive(of, 0, 3, b"defg")
    with pytest.raises(Problem, match="not complete"):
        imports.go_on(of)
    assert imports.receive(of, 0, 3, b"def") == 6
    assert of.staged(0).read_bytes() == b"abcdef"
    imports.remove_staging(of.staging())


def test_an_upload_that_ends_half_way_is_forgotten_in_time(atlas, committed):
    of = imports.begin(atlas, None, facts={"name": "x"}, files=[{"name": "a.txt", "bytes": 6}])
    imports.receive(of, 0, 0, b"abc")
    imports.tidy()
    assert leftovers()
    Import.objects.filter(pk=of.pk).update(changed_at="2020-01-01T00:00Z")
    with committed():
        imports.tidy()
    assert not Import.objects.exists()
    assert leftovers() == []


def test_too_much_is_refused_before_a_byte_is_sent(atlas, settings):
    settings.DATASET_MAX_BYTES = 10
    with pytest.raises(Problem, match="more than the 10 bytes"):
        imports.begin(atlas, None, facts={}, files=[{"name": "a", "bytes": 11}])
    settings.DATASET_MAX_BYTES = 2**62
    with pytest.raises(Problem, match="no room"):
        imports.begin(atlas, None, facts={}, files=[{"name": "a", "bytes": 2**61}])
    assert not Import.objects.exists()


def test_limits_hold_while_rows_are_read(atlas, settings, committed):
    settings.DATASET_MAX_ROWS = 3
    with committed():
        of = confirm(send(atlas, lines(QUESTIONS), "a.jsonl"))
    assert of.problem["code"] == "too_many_rows"


def test_discarding_cancels_the_work_and_removes_the_files(atlas, committed):
    of = imports.begin(atlas, None, facts={"name": "x"}, files=[{"name": "a.txt", "bytes": 3}])
    imports.receive(of, 0, 0, b"abc")
    imports.go_on(of)
    with committed():
        imports.discard(of)
    assert Job.objects.get().state == Job.State.CANCELLED
    assert not Import.objects.exists()
    assert leftovers() == []
    assert run_jobs() == []


def test_a_folder_of_the_server_is_copied_in(atlas, settings, tmp_path, committed):
    (tmp_path / "part").mkdir()
    (tmp_path / "a.jsonl").write_bytes(lines(QUESTIONS[:6]))
    (tmp_path / "part" / "b.jsonl").write_bytes(lines(QUESTIONS[6:]))
    settings.DATA_ROOTS = [tmp_path]
    place = {"folder": str(tmp_path)}
    with committed():
        of = imports.begin(
            atlas, None, facts={"name": "Sums"}, files=[], origin=Import.Origin.FOLDER, place=place
        )
        imports.go_on(of)
        run_jobs()
        of.refresh_from_db()
        version = confirm(of).version
    assert [file.name for file in version.files.all()] == ["a.jsonl", "part/b.jsonl"]
    assert version.rows == 12


@pytest.mark.parametrize("wanted", ["/etc", "{root}/../secret", "{root}/link"])
def test_no_way_leads_out_of_the_folders_for_data(atlas, settings, tmp_path, wanted, committed):
    root, secret = tmp_path / "data", tmp_path / "secret"
    for folder in (root, secret):
        folder.mkdir()
        (folder / "a.txt").write_text("text")
    (root / "link").symlink_to(secret)
    settings.DATA_ROOTS = [root]
    place = {"folder": wanted.format(root=root)}
    with committed():
        of = imports.begin(
            atlas, None, facts={"name": "x"}, files=[], origin=Import.Origin.FOLDER, place=place
        )
        imports.go_on(of)
        run_jobs()
    of.refresh_from_db()
    assert of.problem["code"] in {"outside_root", "is_link"}
    assert leftovers() == []


def test_without_a_network_the_hub_of_datasets_says_so(atlas, committed):
    with committed():
        of = imports.begin(
            atlas,
            None,
            facts={"name": "x"},
            files=[],
            origin=Import.Origin.HUB,
            place={"name": "nobody/nothing", "config": "", "split": "train"},
        )
        imports.go_on(of)
        run_jobs()
    of.refresh_from_db()
    assert of.problem["code"] in {"hub_unreachable", "hub_not_found"}


@pytest.mark.django_db(transaction=True)
def test_versions_sent_at_once_get_numbers_of_their_own():
    project = make_project()
    first = register(project, b"zero", "a.txt")
    ready = [send(project, text, "a.txt", dataset=first.dataset) for text in (b"a", b"b", b"c")]
    for of in ready:
        imports.choose(of, imports.reading_of(of.found))
    at_once(run_jobs, run_jobs, run_jobs)
    numbers = DatasetVersion.objects.values_list("number", flat=True)
    assert sorted(numbers) == [1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_a_disk_that_fills_up_leaves_nothing_under_the_hash(settings):
    """A file cannot be put where it belongs: the same end as a full disk."""
    of = send(make_project(), b"some text", "a.txt")
    folder = Path(default_storage.path("datasets"))
    stored = folder / "b9"
    name = "b94f6f125c79e3a5ffaa826f584c10d52ada669e6762051b826b55776d05aed2.txt"
    (stored / name / "in the way").mkdir(parents=True)
    try:
        confirm(of)
    finally:
        shutil.rmtree(stored / name)
    assert of.state == Import.State.FAILED
    assert not Dataset.objects.exists()
    imports.remove_staging(of.staging())


def test_names_that_come_to_the_same_slug_are_datasets_of_their_own(atlas):
    names = ("数据集", "另一个", "Tiny one", "Tiny--ONE!", "new")
    slugs = [services.create(atlas, name, None).slug for name in names]
    assert slugs == ["dataset", "dataset-2", "tiny-one", "tiny-one-2", "new-2"]
