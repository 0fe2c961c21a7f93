from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from alignray.errors import StorageError
from alignray.ranking.export import append_ranks, write_appended


def build_row(**changes: Any) -> dict[str, Any]:
    return {
        "prompt_id": "p0",
        "messages": [{"role": "user", "content": "Hi"}],
        "generations": ["Hello.", "Hey.", "Go away."],
        "ranks": [1.5, 1.5, 3.0],
        "ratings": [4.0, 4.0, 1.0],
        "status": "ok",
    } | changes


def test_ranks_are_appended_to_the_prompt() -> None:
    assert append_ranks(build_row()) == (
        "Hi\n\nResponse 1: Hello.\n\nResponse 2: Hey.\n\nResponse 3: Go away.\n\nRanks: 1.5 1.5 3"
    )
    assert append_ranks(build_row(ranks=[1.0, None, 2.0])).endswith("Ranks: 1 - 2")


def test_rows_without_ranks_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "export" / "ranked_prompts.parquet"
    rows = [
        build_row(prompt_id=f"p{i}", status="unscored" if i % 3 == 0 else "ok") for i in range(9000)
    ]
    assert write_appended(rows, path) == {"exported": 6000, "left_out": 3000}
    table = pq.read_table(path)
    assert table.column_names == ["prompt_id", "prompt", "generations", "ranks", "ratings"]
    assert table["prompt_id"].to_pylist()[:3] == ["p1", "p2", "p4"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        write_appended([build_row()], tmp_path / "export" / "x.parquet")
