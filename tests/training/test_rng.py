from __future__ import annotations

import io

import torch

from workers.training import rng


def test_every_generator_goes_on_where_it_was(draws):
    rng.seed(3)
    draws()
    saved = io.BytesIO()
    torch.save(rng.state(), saved)
    expected = draws()
    saved.seek(0)

    rng.restore(torch.load(saved, weights_only=True))

    assert draws() == expected


def test_a_seed_starts_every_generator(draws):
    rng.seed(3)
    first = draws()
    rng.seed(3)

    assert draws() == first
