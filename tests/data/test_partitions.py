import numpy as np

from workers.data.report.partitions import Partitions


def test_records_with_one_key_are_in_one_part_in_the_order_of_their_arrival(tmp_path):
    draw = np.random.default_rng(0)
    keys = draw.integers(0, 2**64, 500, dtype=np.uint64)
    partitions = Partitions(tmp_path / "keys", [("key", "u8"), ("row", "u4")])
    chosen = draw.choice(keys, 5_000)
    for start in range(0, 5_000, 100):
        partitions.add(key=chosen[start : start + 100], row=np.arange(start, start + 100))
        if start % 700 == 0:
            partitions.flush()
    parts = list(partitions)
    assert sum(map(len, parts)) == 5_000
    of_keys = [set(part["key"].tolist()) for part in parts]
    assert sum(map(len, of_keys)) == len(set(chosen.tolist()))
    assert all((chosen[part["row"]] == part["key"]).all() for part in parts)
    for part in parts:
        for key in set(part["key"].tolist()):
            rows = part["row"][part["key"] == key].tolist()
            assert rows == sorted(rows)
