"""Which rows of which data set are encoded, on real tokens and with exact books."""

import json

import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.errors import SourceError
from alignray.training.dpo import DPOMethod
from alignray.training.rows.loading import encode_dataset, encode_mixture
from alignray.training.sft import SFTMethod
from tests.training.conftest import build_pairs, write_rows


def dialogue(number, answer="yes"):
    question = {"role": "user", "content": f"{number}?"}
    return {"messages": [question, {"role": "assistant", "content": answer}]}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def encode(model, mixture, **settings):
    config = SFTStageConfig(
        output_dir="o", model_name_or_path=str(model), dataset_mixture=mixture, **settings
    )
    return encode_mixture(config, SFTMethod(config))


def balanced(encoded):
    return all(p.rows + p.pieces == p.used + p.skipped + p.not_taken for p in encoded.parts)


@pytest.fixture
def ten(tmp_path):
    """Ten rows: 2 without an answer, 5 too long for 60 tokens."""
    rows = [dialogue(i) for i in range(10)]
    rows[2] = dialogue(2, "")
    rows[5] = dialogue(5, "word " * 40)
    return write(tmp_path / "ten.jsonl", rows)


def test_a_fraction_is_the_first_rows_faulty_ones_among_them(tiny_model, ten):
    encoded = encode(tiny_model, [{"dataset": ten, "fraction": 0.45}], max_length=60)
    assert encoded.names == ["row 0", "row 1", "row 3"]
    assert encoded.skipped == {"empty_answer": ["row 2"]}
    [counts] = encoded.parts
    assert (counts.rows, counts.used, counts.skipped, counts.not_taken) == (10, 3, 1, 6)
    assert encoded.summarize()["parts"][0]["not_taken"] == 6


def test_max_rows_comes_after_fraction(tiny_model, ten):
    part = {"dataset": ten, "fraction": 0.9, "max_rows": 3}
    encoded = encode(tiny_model, [part], max_length=60)
    assert encoded.names == ["row 0", "row 1"]
    assert balanced(encoded) and encoded.parts[0].not_taken == 7


def test_all_rows_are_accounted_for(tiny_model, ten):
    encoded = encode(tiny_model, [{"dataset": ten}], max_length=60)
    assert len(encoded.rows) == 8 and encoded.num_skipped == 2
    assert encoded.skipped == {"too_long": ["row 5"], "empty_answer": ["row 2"]}
    assert balanced(encoded) and encoded.parts[0].not_taken == 0


def test_max_samples_stops_and_counts_the_rest(tiny_model, ten):
    parts = [{"dataset": ten, "max_rows": 4, "weight": 0.25}, {"dataset": ten}, {"dataset": ten}]
    encoded = encode(tiny_model, parts, max_length=60, max_samples=5)
    assert encoded.names == ["row 0", "row 1", "row 3", "row 0", "row 1"]
    assert encoded.weights == [0.25] * 3 + [1.0] * 2
    assert [p.not_taken for p in encoded.parts] == [6, 8, 10]
    assert balanced(encoded)


def test_interleaved_parts(tiny_model, ten, tmp_path):
    other = write(tmp_path / "other.jsonl", [dialogue(i) for i in range(3)])
    parts = [
        {"dataset": ten, "probability": 0.5},
        {"dataset": other, "probability": 0.5, "weight": 3},
    ]
    encoded = encode(
        tiny_model, parts, max_length=60, mixing_strategy="all_exhausted", max_samples=100
    )
    assert [p.used for p in encoded.parts] == [8, 3]
    assert encoded.parts[1].repeated == encoded.weights.count(3.0) - 3 > 0
    assert balanced(encoded)


def test_a_share_that_is_no_row_is_refused_by_name(tiny_model, ten):
    with pytest.raises(SourceError, match=r"ten\.jsonl: fraction=0\.05 of 10 rows is none"):
        encode(tiny_model, [{"dataset": ten, "fraction": 0.05}])
    parts = [{"dataset": ten, "fraction": 0}, {"dataset": ten}]
    encoded = encode(tiny_model, parts, max_length=60)
    assert [p.not_taken for p in encoded.parts] == [10, 0]


def test_empty_data_is_refused_by_name(tiny_model, ten, tmp_path):
    (tmp_path / "void.jsonl").write_text("")
    with pytest.raises(SourceError, match=r"void\.jsonl: an empty file"):
        encode(tiny_model, [{"dataset": ten}, {"dataset": str(tmp_path / "void.jsonl")}])
    blank = write(tmp_path / "blank.jsonl", [dialogue(0, " ")])
    with pytest.raises(SourceError, match=r"blank\.jsonl: no row left of 1 \(1 empty_answer\)"):
        encode(tiny_model, [{"dataset": ten}, {"dataset": blank}])
    with pytest.raises(SourceError, match="splits: train; expected dev"):
        write(tmp_path / "train.jsonl", [dialogue(0)])
        encode(tiny_model, [{"dataset": f"{tmp_path}:dev"}])


def test_a_part_of_which_nothing_can_be_trained_on_is_refused_by_name(tiny_model, ten, tmp_path):
    long = write(tmp_path / "long.jsonl", [dialogue(0, "word " * 40)] * 3)
    with pytest.raises(SourceError) as caught:
        encode(tiny_model, [{"dataset": ten}, {"dataset": long}], max_length=60)
    assert "long.jsonl: 0 of 3 rows can be trained on (3 too_long)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_whose_answer_is_cut_off_are_no_response(tiny_model, ten, tmp_path):
    row = dialogue(0)
    row["messages"][0]["content"] = "long question " * 10
    path = write(tmp_path / "q.jsonl", [row] * 2)
    settings = {"max_length": 60, "truncation_mode": "keep_start"}
    alone = encode(tiny_model, [{"dataset": ten}], **settings)
    assert "no_response" not in alone.skipped
    with pytest.raises(SourceError, match=r"q\.jsonl: 0 of 2 rows .* \(2 no_response\)"):
        encode(tiny_model, [{"dataset": ten}, {"dataset": path}], **settings)


def test_a_long_conversation_becomes_rows_within_max_length(tiny_model, tmp_path):
    turns = [
        {"from": name, "value": f"{name} {i} " + "x" * 20}
        for i in range(6)
        for name in ("human", "gpt")
    ]
    path = tmp_path / "s.jsonl"
    rows = [{"conversations": turns[:2]}, {"conversations": turns}, {"conversations": []}]
    write(path, rows)
    encoded = encode(tiny_model, [{"dataset": f"sharegpt:{path}"}], max_length=200)
    assert encoded.names[0] == "row 0"
    assert encoded.names[1:] == [f"row 1#{i}" for i in range(1, len(encoded.names))]
    assert len(encoded.names) > 2
    assert all(len(row["input_ids"]) <= 200 for row in encoded.rows)
    [counts] = encoded.parts
    assert (counts.rows, counts.skipped) == (3, 1)
    assert counts.pieces == len(encoded.names) - 2 and balanced(encoded)
    whole = encode(tiny_model, [{"dataset": f"sharegpt:{path}"}], max_length=256)
    assert len(whole.rows) < len(encoded.rows)


def test_pairs_are_mixed_as_well(tiny_model, tmp_path):
    path = write_rows(tmp_path / "train.parquet", build_pairs(9))
    config = DPOStageConfig(
        output_dir="o",
        model_name_or_path=str(tiny_model),
        dataset_mixture=[{"dataset": str(path), "fraction": 0.5}, {"dataset": str(path)}],
        eval_dataset=str(path),
        max_samples=6,
    )
    encoded = encode_mixture(config, DPOMethod(config))
    assert encoded.names == ["p0", "p1", "p2", "p3", "p0", "p1"]
    assert len(encode_dataset(config, DPOMethod(config), str(path)).rows) == 9
