import subprocess

import pytest

from llmhub.runs.models import Worker
from workers import devices, environment, node

SMI = """GPU-aa, NVIDIA H200, 143771
GPU-bb, NVIDIA H200, [N/A]
"""


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A machine whose nvidia-smi answers with this text."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(text, exit_code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {exit_code}\n")
        program.chmod(0o755)
        monkeypatch.setattr(devices, "SMI", (str(program),))

    return install


def test_each_gpu_is_a_device_and_a_slot(smi):
    smi(SMI)
    found = devices.devices()
    assert [(d["kind"], d["uuid"], d["name"]) for d in found] == [
        ("cuda", "GPU-aa", "NVIDIA H200"),
        ("cuda", "GPU-bb", "NVIDIA H200"),
    ]
    assert [d["memory_bytes"] for d in found] == [143771 * 2**20, 0]
    assert devices.slots(found) == 2


@pytest.mark.parametrize("visible", ["1", "GPU-bb"])
def test_a_gpu_that_the_operator_hides_is_not_offered(smi, monkeypatch, visible):
    smi(SMI)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [device["uuid"] for device in devices.gpus()] == ["GPU-bb"]


@pytest.mark.parametrize(("text", "code"), [("", 0), ("No devices were found\n", 6)])
def test_without_a_gpu_the_processor_is_the_device(smi, text, code):
    smi(text, code)
    device = devices.devices()[0]
    assert device["kind"] == "cpu"
    assert device["memory_bytes"] > 2**28
    assert devices.slots([device]) == max(1, devices.cpu_count() // 2)


def test_without_nvidia_smi_too(monkeypatch):
    monkeypatch.setattr(devices, "SMI", ("/nowhere/nvidia-smi",))
    assert devices.devices()[0]["kind"] == "cpu"


FAILED = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"


def test_an_nvidia_smi_that_fails_does_not_make_the_processor_the_device(smi):
    smi(FAILED, 9)
    with pytest.raises(devices.NoAnswer, match="communicate with the NVIDIA driver"):
        devices.devices()


def test_nor_does_one_that_hangs(smi, tmp_path, monkeypatch):
    smi("")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(devices, "SMI_SECONDS", 0.2)
    with pytest.raises(devices.NoAnswer):
        devices.devices()


def test_an_operator_who_hides_all_gpus_is_not_told_about_the_driver(smi, monkeypatch):
    smi(FAILED, 9)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert devices.devices()[0]["kind"] == "cpu"


class TestAMachine:
    """As the hub sees it."""

    @pytest.fixture(autouse=True)
    def fresh(self, db):
        node.offer.cache_clear()
        yield
        node.offer.cache_clear()

    def test_keeps_its_gpus_while_nvidia_smi_fails(self, smi):
        smi(SMI)
        node.register()
        node.offer.cache_clear()

        smi(FAILED, 9)
        worker = node.register()

        assert [device["uuid"] for device in worker.devices] == ["GPU-aa", "GPU-bb"]
        assert worker.slots == 2

    def test_whose_gpus_were_never_seen_takes_no_runs(self, smi, settings):
        settings.HUB_SLOTS = 3
        smi(FAILED, 9)

        worker = node.register()

        assert (worker.devices, worker.slots) == ([], 0)
        assert worker in Worker.objects.alive()


def test_a_container_offers_what_it_may_use(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("1073741824\n")
    monkeypatch.setattr(devices, "CGROUP_MEMORY", limit)
    assert devices.memory_bytes() == 2**30
    limit.write_text("max\n")
    assert devices.memory_bytes() > 2**30


def test_versions_are_read_without_an_import():
    assert devices.versions()["torch"].startswith("2.")


def test_the_code_is_named_by_its_commit_where_git_knows_it(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    monkeypatch.setattr(devices, "ROOT", tmp_path)
    assert "llmhub" not in devices.versions()
    git("init")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "x")
    assert len(devices.versions()["llmhub"]) == 12


def test_what_is_not_known_to_be_harmless_is_held_back(monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "EMAIL_PASSWORD", "PGPASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("NCCL_DEBUG", "INFO")

    kept = environment.clean()

    assert "secret" not in kept.values()
    assert kept["NCCL_DEBUG"] == "INFO"
