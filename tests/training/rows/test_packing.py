import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.training.rows.packing import pack_rows


def test_by_hand_the_fullest_sequence_with_room_is_taken():
    # 7 opens a sequence, 5 another; 3 fits the first exactly (10), 4 goes to the second.
    assert pack_rows([5, 7, 3, 4], 10) == [[1, 2], [0, 3]]


@given(st.lists(st.integers(1, 50), max_size=200))
def test_every_row_is_packed_once_and_no_sequence_overflows(lengths):
    packs = pack_rows(lengths, 50)
    assert sorted(row for pack in packs for row in pack) == list(range(len(lengths)))
    assert all(sum(lengths[row] for row in pack) <= 50 for pack in packs)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_at_most_one_sequence_is_half_empty(lengths):
    packs = pack_rows(lengths, 50)
    assert sum(sum(lengths[row] for row in pack) <= 25 for pack in packs) <= 1


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="row 1 has 11 tokens"):
        pack_rows([3, 11], 10)
