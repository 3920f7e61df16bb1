from __future__ import annotations

import torch

from workers.training.objectives.attention import block_mask


def test_a_token_sees_its_own_example_up_to_itself():
    """Examples of 2 and 1 tokens, then one of padding."""
    mask = block_mask(torch.tensor([[1, 1, 2, 0]]))

    assert mask.shape == (1, 1, 4, 4)
    sees = (mask[0, 0] == 0).int().tolist()
    assert sees == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert torch.isneginf(mask[mask != 0]).all()


def test_one_example_to_a_row_needs_no_mask():
    assert block_mask(torch.tensor([[1, 1, 1], [1, 0, 0]])) is None


def test_one_packed_row_is_enough_to_need_it():
    assert block_mask(torch.tensor([[1, 1, 1], [1, 2, 0]])).shape == (2, 1, 3, 3)
