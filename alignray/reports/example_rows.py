"""The rows of eval.parquet behind the rates, read only when their text was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignray.errors import ArtifactError
from alignray.reports.entries import Metrics
from alignray.reports.sections.examples import Example

_COLUMNS = [
    "prompt_id", "model", "benchmark", "category", "messages", "response", "finish_reason",
    "safety", "helpfulness", "reason",
]  # fmt: skip


def read_examples(stage_dir: Path, metrics: Metrics, count: int) -> list[Example]:
    """The first `count` answers behind each rate of each model on each set.

    Args:
        stage_dir: directory of the evaluation.
        metrics: of it; `examples` names the rows.
        count: how many for each; none is read where it is 0.

    Raises:
        ArtifactError: the rows are gone, or are not what an evaluation writes.
    """
    wanted = [
        (entry["model"], entry["benchmark"], entry["metric"], prompt_id)
        for entry in metrics.get("examples", ())[: None if count else 0]
        for prompt_id in entry["prompt_ids"][:count]
    ]
    if not wanted:
        return []
    rows = _read_rows(stage_dir / "data" / "eval.parquet", {(m, b, i) for m, b, _, i in wanted})
    return [
        Example((model, benchmark, metric), prompt_id, rows[model, benchmark, prompt_id])
        for model, benchmark, metric, prompt_id in wanted
        if (model, benchmark, prompt_id) in rows
    ]


def _read_rows(
    path: Path, keys: set[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    try:
        for batch in pq.ParquetFile(path).iter_batches(4096, columns=_COLUMNS):
            named = batch.select(["model", "benchmark", "prompt_id"]).to_pylist()
            for index, row in enumerate(named):
                key = (row["model"], row["benchmark"], row["prompt_id"])
                if key in keys and key not in found:
                    found[key] = batch.slice(index, 1).to_pylist()[0]
    except (OSError, pa.ArrowException, KeyError) as error:
        line = str(error).splitlines()[0][:200]
        raise ArtifactError(
            str(path),
            f"cannot be read ({line})",
            "the rows of the evaluation",
            "leave out examples",
        ) from error
    return found
