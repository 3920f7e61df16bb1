import pytest

from llmhub.lib.devices import known, peak_flops


@pytest.mark.parametrize(
    ("name", "bf16"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("Tesla T4", 65e12),
    ],
    ids=["H100", "H100 PCIe", "A100", "L4", "L40S", "RTX 4090", "T4"],
)
def test_a_device_is_known_by_the_name_that_its_driver_gives(name, bf16):
    assert peak_flops(name, "bf16") == bf16
    assert peak_flops(name, "fp32") < bf16
    assert known(name).watts > 0


@pytest.mark.parametrize("name", ["NVIDIA RTX A1000", "NVIDIA T400 4GB", "CPU", ""])
def test_a_name_within_another_is_another_device(name):
    """An A10 is in A1000, and a T4 in T400."""
    assert known(name) is None
    assert peak_flops(name, "bf16") is None
