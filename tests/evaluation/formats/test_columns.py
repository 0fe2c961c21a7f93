from __future__ import annotations

from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import (
    find_column,
    name_models,
    read_cell,
    read_flag,
    read_number,
    require_column,
)


def test_names_in_any_spelling_first_wanted_first() -> None:
    row = {"Score-Chosen": 1, "rewards/chosen": 2}
    assert find_column(row, ["rewards_chosen", "score_chosen"]) == "rewards/chosen"
    assert find_column(row, ["score_chosen"]) == "Score-Chosen"
    assert find_column(row, ["score"]) is None
    with pytest.raises(SourceError, match="no score among Score-Chosen, rewards/chosen"):
        require_column("f:1", row, ["score"], "score")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        *((1, 1.0), (-2.5, -2.5), ("1e-3", 0.001), (" 4 ", 4.0)),
        *(("NaN", None), ("", None), (None, None), ("1e999", None), (10**400, None)),
        *((float("nan"), None), (float("inf"), None)),
    ],
)
def test_numbers(cell: object, number: float | None) -> None:
    assert read_number("f:1", {"x": cell}, "x") == number


@pytest.mark.parametrize("cell", [True, "four", "4/5", "\u0664", "1_0", "0x4", [], {}, "1,5"])
def test_what_is_no_number(cell: object) -> None:
    with pytest.raises(SourceError, match="f:1: `x` is"):
        read_number("f:1", {"x": cell}, "x")


def test_flags_and_cells() -> None:
    flags = [read_flag("f", {"x": c}, "x") for c in (True, "False", 1, "0", None, "nan", 0.0)]
    assert flags == [True, False, True, False, None, None, False]
    for bad in ("yes", 2, [], "T"):
        with pytest.raises(SourceError, match="neither true nor false"):
            read_flag("f", {"x": bad}, "x")
    assert read_cell("f", {"x": None}, "x") is None
    with pytest.raises(SourceError, match="`x` is int"):
        read_cell("f", {"x": 3}, "x")


def test_models_by_stem_or_folder() -> None:
    files = [Path("/d/base/out.jsonl.gz"), Path("/d/sft/out.jsonl"), Path("/d/x.csv")]
    assert list(name_models(files).values()) == ["base/out", "sft/out", "x"]
