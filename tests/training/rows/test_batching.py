import random

import pytest

from alignray.training.rows.batching import (
    MAX_GROUP_ROWS,
    choose_group_rows,
    measure_padding,
    order_rows,
)


def draw_lengths(count, seed=0):
    draw = random.Random(seed)
    return [int(draw.lognormvariate(5, 0.7)) + 1 for _ in range(count)]


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
@pytest.mark.parametrize(("count", "batch"), [(64, 16), (60, 6), (1024, 8), (7, 7), (9000, 20)])
def test_an_epoch_visits_every_row_once(strategy, count, batch):
    lengths = draw_lengths(count - count % batch)
    order = order_rows(lengths, batch, strategy, seed=1, epoch=2)
    assert sorted(order) == list(range(len(lengths)))


def test_seed_and_epoch_change_the_order_and_nothing_else_does():
    lengths = draw_lengths(256)
    first = order_rows(lengths, 16, "group_by_length", 1, 0)
    assert first == order_rows(lengths, 16, "group_by_length", 1, 0)
    assert first != order_rows(lengths, 16, "group_by_length", 1, 1)
    assert first != order_rows(lengths, 16, "group_by_length", 2, 0)


def test_groups_of_like_length_pad_little_and_random_batches_a_lot():
    lengths = draw_lengths(4096)
    grouped = order_rows(lengths, 64, "group_by_length", 0, 0)
    mixed = order_rows(lengths, 64, "random", 0, 0)
    assert measure_padding(grouped, lengths, 8) < 1.05
    assert measure_padding(mixed, lengths, 8) > 1.5


def test_a_global_batch_holds_rows_of_any_length():
    lengths = draw_lengths(4096)
    order = order_rows(lengths, 64, "group_by_length", 0, 0)
    means = [sum(lengths[row] for row in order[i : i + 64]) / 64 for i in range(0, 4096, 64)]
    overall = sum(lengths) / len(lengths)
    assert max(means) < 2 * overall and min(means) > 0.5 * overall


def test_rows_of_a_global_batch_are_in_order_of_length_by_groups():
    lengths = draw_lengths(512)
    order = order_rows(lengths, 32, "group_by_length", 0, 0)
    for start in range(0, 512, 32):
        found = [lengths[row] for row in order[start : start + 32]]
        assert found == sorted(found)


@pytest.mark.parametrize(("batch", "rows"), [(64, 8), (12, 6), (7, 7), (11, 1), (1, 1), (20, 5)])
def test_a_group_divides_the_global_batch(batch, rows):
    assert choose_group_rows(batch) == rows <= MAX_GROUP_ROWS


def test_padding_by_hand():
    assert measure_padding([0, 1, 2, 3], [4, 2, 6, 6], 2) == pytest.approx((8 + 12) / 18)
    with pytest.raises(ValueError, match="no tokens"):
        measure_padding([], [], 2)
