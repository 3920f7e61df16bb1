"""A device that is in order passes; one that computes or remembers wrongly is found."""

import torch

from workers.checks import devices
from workers.data.progress import Progress


def run(tmp_path):
    return devices.tested({"folder": str(tmp_path)}, Progress(tmp_path / "progress.json"))


def test_this_machine_is_in_order(tmp_path):
    found = run(tmp_path)

    assert found["devices"]
    for device in found["devices"]:
        assert device["wrong"] == []
        assert device["damaged"] == 0
        assert device["bytes"] >= devices.SLICE_BYTES
        assert 0 < device["products"]["fp32"] < 1e-5


def test_a_product_that_is_a_little_wrong_is_found(tmp_path, monkeypatch):
    def one_wrong_number(left, right):
        product = left @ right
        product[3, 5] += 0.01 * product.abs().max()
        return product

    monkeypatch.setattr(devices, "multiplied", one_wrong_number)
    (wrong,) = (text for device in run(tmp_path)["devices"] for text in device["wrong"][:1])
    assert wrong.startswith("fp32: products differ by")


def test_a_number_that_is_none_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "multiplied", lambda left, right: (left @ right) * torch.nan)
    assert all(len(device["wrong"]) >= 2 for device in run(tmp_path)["devices"])


def test_a_bit_that_stays_is_found(monkeypatch):
    fill = torch.Tensor.fill_

    def stuck(tensor, value):
        fill(tensor, value)
        tensor[7] |= 1
        return tensor

    monkeypatch.setattr(torch.Tensor, "fill_", stuck)
    size, damaged = devices.memory(torch.device("cpu"))
    assert size == devices.SLICE_BYTES
    # Two of the four patterns have that bit already.
    assert damaged == 2
