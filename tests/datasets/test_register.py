import io
import resource
import uuid

import pytest
from django.core.management import call_command

from llmhub.accounts.models import Project
from llmhub.datasets.models import Dataset, DatasetVersion
from llmhub.datasets.services import AlreadyThere, register
from llmhub.datasets.text import BadText
from tests.accounts.racing import at_once
from tests.factories import make_project


def file(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def test_a_text_is_kept_under_its_hash_with_what_it_holds(atlas, bob):
    version = register(atlas, "Fables", file("Le loup\net l’agneau\n"), bob, licence="CC0")
    assert version.path().read_text() == "Le loup\net l’agneau\n"
    assert version.sha256 in version.file
    assert (version.number, version.bytes, version.characters, version.lines) == (1, 22, 20, 2)
    assert (version.dataset.slug, version.dataset.licence) == ("fables", "CC0")
    assert version.created_by == bob


def test_another_text_of_the_same_name_is_the_next_version(atlas, bob):
    register(atlas, "Fables", file("one"), bob, source="a book")
    version = register(atlas, "Fables", file("two"), bob)
    assert version.number == 2
    assert Dataset.objects.get().source == "a book"


def test_the_same_text_is_not_taken_twice_in_a_project(atlas, bob):
    first = register(atlas, "Fables", file("one"), bob)
    with pytest.raises(AlreadyThere) as caught:
        register(atlas, "Other name", file("one"), bob)
    assert caught.value.version == first
    assert Dataset.objects.count() == 1


def test_two_projects_share_the_file_and_nothing_else(atlas, bob):
    first = register(atlas, "Fables", file("one"), bob)
    second = register(make_project("borealis"), "Fables", file("one"), bob)
    assert first.file == second.file
    assert first.dataset != second.dataset


def test_a_damaged_file_is_repaired_by_the_next_person_who_brings_the_text(atlas, bob):
    path = register(atlas, "Fables", file("the whole text"), bob).path()
    path.write_text("the wh")
    register(make_project("borealis"), "Fables", file("the whole text"), bob)
    assert path.read_text() == "the whole text"


def test_a_disk_that_fills_up_leaves_nothing_under_the_hash(atlas, bob):
    # Of its own: the folder of files outlives a test.
    text = str(uuid.uuid4()) * 10_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            register(atlas, "Fables", file(text), bob)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not Dataset.objects.exists()
    version = register(atlas, "Fables", file(text), bob)
    assert version.path().read_text() == text
    assert [path.name for path in version.path().parent.glob(f"*{version.sha256}*")] == [
        version.path().name
    ]


def test_a_refused_text_leaves_nothing_behind(atlas, bob):
    with pytest.raises(BadText):
        register(atlas, "Fables", io.BytesIO(b"\xff"), bob)
    assert not Dataset.objects.exists()


def test_a_limit_holds(atlas, bob, settings):
    settings.DATASET_MAX_BYTES = 3
    with pytest.raises(BadText):
        register(atlas, "Fables", file("four"), bob)


@pytest.mark.django_db(transaction=True)
def test_versions_sent_at_once_get_numbers_of_their_own():
    project = make_project()
    results = at_once(
        *(lambda text=text: register(project, "Fables", file(text), None) for text in "abc")
    )
    assert sorted(result.number for result in results) == [1, 2, 3]


def test_seeding_gives_a_new_hub_two_real_texts(db):
    call_command("seed", verbosity=0)
    versions = DatasetVersion.objects.select_related("dataset__project")
    assert {version.dataset.project.slug for version in versions} == {"main"}
    assert len(versions) == 2
    for version in versions:
        assert version.characters > 100_000
        assert version.dataset.licence == "PSF-2.0"


def test_seeding_again_changes_nothing_and_brings_back_nothing_that_was_removed(db):
    call_command("seed", verbosity=0)
    Dataset.objects.first().delete()
    call_command("seed", verbosity=0)
    assert Dataset.objects.count() == 1
    assert Project.objects.count() == 1


def test_names_that_come_to_the_same_slug_are_datasets_of_their_own(atlas, bob):
    names = ("数据集", "另一个", "Tiny one", "Tiny--ONE!", "new")
    slugs = [register(atlas, name, file(f"by {name}"), bob).dataset.slug for name in names]
    assert slugs == ["dataset", "dataset-2", "tiny-one", "tiny-one-2", "new-2"]


def test_a_name_in_other_letters_is_the_same_dataset(atlas, bob):
    first = register(atlas, "Prose", file("one"), bob)
    second = register(atlas, "PROSE", file("two"), bob)
    assert (second.dataset, second.number) == (first.dataset, 2)
