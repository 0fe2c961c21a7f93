import pytest

from alignray.errors import SourceError
from alignray.training.rows.encoding import (
    EncodedRows,
    Skipped,
    add_excluded,
    check_rows,
    count_fill_rows,
    encode_rows,
    fill_last_batch,
)
from alignray.training.watch.measures import build_counts


def _encode_even(row):
    if row["value"] % 2:
        return Skipped("odd")
    return {"input_ids": [row["value"]]}, row["value"] > 4


def test_every_row_is_used_or_named_with_its_reason():
    encoded = EncodedRows()
    encode_rows([{"value": v, "prompt_id": f"p{v}"} for v in range(7)], _encode_even, encoded)
    assert encoded.names == ["p0", "p2", "p4", "p6"]
    assert [row["input_ids"] for row in encoded.rows] == [[0], [2], [4], [6]]
    assert encoded.skipped == {"odd": ["p1", "p3", "p5"]}
    assert encoded.truncated == 1
    counts = build_counts(encoded)
    assert (counts.rows_in, counts.ok, counts.unscored, counts.failed) == (7, 4, 3, 0)


def test_rows_without_id_are_named_by_source_then_position():
    rows = [{"value": 1, "source": "train.jsonl:7"}, {"value": 3}]
    encoded = EncodedRows()
    encode_rows(rows, _encode_even, encoded)
    assert encoded.skipped == {"odd": ["train.jsonl:7", "row 1"]}


def test_a_row_that_its_source_excludes_counts_once_under_its_first_reason():
    encoded = EncodedRows(rows=[{"input_ids": [1]}])
    add_excluded(encoded, {"empty_chosen": [4, 9], "same_role_twice": [9, 2]})
    assert encoded.skipped == {"same_role_twice": ["row 2"], "empty_chosen": ["row 4", "row 9"]}
    assert build_counts(encoded).rows_in == 4


def test_summary_lists_counts_and_the_first_names():
    encoded = EncodedRows(skipped={"too_long": [f"p{i}" for i in range(30)]})
    summary = encoded.summarize(examples=2)
    assert summary["rows_in"] == 30
    assert summary["skipped"] == {"too_long": {"rows": 30, "first": ["p0", "p1"]}}


@pytest.mark.parametrize(("rows", "batch", "missing"), [(64, 16, 0), (65, 16, 15), (1, 1, 0)])
def test_fill_rows(rows, batch, missing):
    assert count_fill_rows(rows, batch) == missing


def test_the_last_batch_is_filled_with_a_seeded_choice_of_distinct_rows():
    rows = [{"input_ids": [i]} for i in range(13)]
    filled = fill_last_batch(rows, 8, seed=5)
    assert filled[:13] == rows and len(filled) == 16
    extra = [row["input_ids"][0] for row in filled[13:]]
    assert len(set(extra)) == 3
    assert filled == fill_last_batch(rows, 8, seed=5)
    assert any(filled != fill_last_batch(rows, 8, seed=seed) for seed in range(5))


def test_too_few_rows_is_one_line_with_all_counts():
    encoded = EncodedRows(
        rows=[{"input_ids": [1]}], skipped={"too_long": ["a", "b"], "no_response": ["c"]}
    )
    with pytest.raises(SourceError) as caught:
        check_rows(encoded, len(encoded.rows), "pairs.parquet", 8)
    text = str(caught.value)
    start = "pairs.parquet: 1 of 4 rows can be trained on (2 too_long, 1 no_response)"
    assert text.startswith(start)
    assert "train_batch_size=8" in text and "\n" not in text


def test_exactly_one_global_batch_is_enough():
    rows = EncodedRows(rows=[{"input_ids": [1]}] * 8)
    check_rows(rows, 8, "pairs.parquet", 8)
    with pytest.raises(SourceError, match="train_batch_size=9"):
        check_rows(rows, 8, "pairs.parquet", 9)
