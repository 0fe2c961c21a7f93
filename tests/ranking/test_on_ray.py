from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.errors import ArtifactError, SourceError, VerdictError
from alignray.records import Completion, RankedPrompt
from tests.ranking.completions import build_completion, build_config


def write_completions(path: Path, rows: int) -> str:
    made = [build_completion(i) for i in range(rows)]
    made[3] = build_completion(3, generations=[], status="unscored", reason="prompt_too_long")
    pq.write_table(pa.Table.from_pylist(made, Completion.ARROW_SCHEMA), path)
    return str(path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for the stages of this module."""
    from alignray.inference.cluster import connect

    with connect():
        yield


def read(stage_dir: Path) -> list[RankedPrompt]:
    return [RankedPrompt.from_row(row) for row in pq.read_table(stage_dir / "data").to_pylist()]


def test_bad_input_is_found_before_anything_is_written(tmp_path: Path) -> None:
    from alignray.ranking.on_ray import run_rank

    out = tmp_path / "out"
    with pytest.raises(SourceError, match="no completions"):
        run_rank(build_config(output_dir=str(out), completions=str(tmp_path / "none")))
    completions = write_completions(tmp_path / "in.parquet", 5)
    with pytest.raises(SourceError, match="no such rubric"):
        run_rank(
            build_config(output_dir=str(out), completions=completions, safety_rubric="nothing")
        )
    assert not out.exists()


@pytest.mark.heavy
@pytest.mark.parametrize("mode", ["score", "rank"])
def test_every_row_is_ranked_once_and_a_second_run_does_nothing(
    tmp_path: Path, mode: str, cluster: None
) -> None:
    from alignray.ranking.on_ray import run_rank

    config = build_config(
        output_dir=str(tmp_path / "out"),
        completions=write_completions(tmp_path / "in.parquet", 60),
        mode=mode,
        export="appended",
    )
    record = run_rank(config)
    assert record["counts"] == {"in": 60, "ok": 59, "unscored": 1, "failed": 0}
    rows = read(tmp_path / "out")
    assert [row.prompt_id for row in rows] == [f"p{i}" for i in range(60)]
    assert rows[3].status == "unscored"
    assert rows[3].reason == "no responses: prompt_too_long"
    metrics = record["metrics"]
    assert metrics["scored"] == metrics["responses"] == 59 * 3
    assert metrics["export"] == {"exported": 59, "left_out": 1}
    assert ("flip_rate" in metrics) == (mode == "rank")
    per_row = {"score": 6, "rank": 2}[mode]
    assert metrics["requests_this_run"] == 59 * per_row
    assert run_rank(config) == record
    moved = config.model_copy(update={"output_dir": str(tmp_path / "again")})
    reused = run_rank(moved, [tmp_path / "out"])
    assert reused["metrics"]["requests_this_run"] == 0
    assert read(tmp_path / "again") == rows
    with pytest.raises(ArtifactError, match="another configuration"):
        run_rank(config.model_copy(update={"seed": 1}))


@pytest.mark.heavy
def test_a_judge_that_says_rubbish_fails_at_the_gate_and_keeps_its_ledger(
    tmp_path: Path, cluster: None
) -> None:
    from alignray.ranking.on_ray import run_rank

    def config(**changes: Any) -> Any:
        return build_config(
            output_dir=str(tmp_path / "out"),
            completions=str(tmp_path / "in.parquet"),
            judge={"type": "fake", "garbage_rate": 1.0},
            **changes,
        )

    write_completions(tmp_path / "in.parquet", 20)
    with pytest.raises(VerdictError, match=r"57 of 57 responses are unscored .57 unreadable."):
        run_rank(config())
    assert not (tmp_path / "out" / "record.json").exists()
    record = run_rank(config(max_unscored_rate=1.0))
    assert record["metrics"]["requests_this_run"] == 0
    assert record["counts"] == {"in": 20, "ok": 0, "unscored": 20, "failed": 0}
