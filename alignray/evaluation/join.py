"""Prompts, answers and grades, in the same order in three sets of files -> a stream of EvalRows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import explain_os_error
from alignray.errors import EvaluationError
from alignray.evaluation.row_building import Answered, EvalSet, Verdicts, build_eval_rows
from alignray.evaluation.rows import GOLD_KINDS, EvalRow
from alignray.evaluation.task import merge_rows
from alignray.records import Completion, Prompt, RankedPrompt, RowStatus

BATCH_ROWS = 512
_MISSING = pa.struct([("model", pa.string()), ("status", pa.string()), ("reason", pa.string())])
ANSWERS_SCHEMA = Completion.ARROW_SCHEMA.append(pa.field("missing", pa.list_(_MISSING)))
"""Answers of all models to a prompt, and why some have none."""


def read_rows(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The rows of parquet files, in order, a batch in memory at a time."""
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS):
                yield from batch.to_pylist()


def read_prompts(files: Mapping[str, Sequence[Path]]) -> Iterator[tuple[str, Prompt]]:
    """(benchmark, prompt) over the files of all benchmarks, rows numbered from 0 over all."""
    position = 0
    for benchmark, paths in files.items():
        for row in read_rows(paths):
            yield benchmark, replace(Prompt.from_row(row), row=position)
            position += 1


def merge_completions(
    groups: Mapping[tuple[str, ...], Iterable[Mapping[str, Any]]],
) -> Iterator[dict[str, Any]]:
    """Completion rows of several engines in the same order -> one row of `ANSWERS_SCHEMA` a prompt.

    Args:
        groups: models of an engine -> its rows.

    Raises:
        EvaluationError: the engines' rows are not of the same prompts.
    """
    for rows in zip(*groups.values(), strict=True):
        ids = {(row["row"], row["prompt_id"]) for row in rows}
        if len(ids) != 1:
            raise EvaluationError("answers", f"rows of {sorted(ids)} side by side", "one prompt")
        missing = [
            {"model": model, "status": row["status"], "reason": row["reason"]}
            for models, row in zip(groups, rows, strict=True)
            if row["status"] != RowStatus.OK
            for model in models
        ]
        yield {**merge_rows(rows), "missing": missing}


@dataclass(frozen=True)
class Sides:
    """What lies beside the prompts, each in their order.

    Rows of judges are those of judged benchmarks alone (all but `GOLD_KINDS`).
    """

    completions: Iterable[Mapping[str, Any]]
    graded: Iterable[Mapping[str, Any]]
    further: Sequence[Iterable[Mapping[str, Any]]]
    comparing: frozenset[str] = frozenset()
    """Names of the further judges that compare models."""


def join_rows(
    prompts: Iterable[tuple[str, Prompt]],
    sides: Sides,
    benchmarks: Mapping[str, EvalSet],
    models: Sequence[str],
) -> Iterator[list[EvalRow]]:
    """The EvalRows of each prompt, one for each model.

    Args:
        prompts: (benchmark, prompt) in order.
        sides: answers and verdicts.
        benchmarks: the benchmarks by name.
        models: names of the models.

    Raises:
        EvaluationError: a row is missing on one side, or belongs to another prompt.
    """
    graded, further = iter(sides.graded), [iter(rows) for rows in sides.further]
    try:
        for (name, prompt), completion in zip(prompts, sides.completions, strict=True):
            verdicts = Verdicts(None, [])
            if benchmarks[name].kind not in GOLD_KINDS:
                row = RankedPrompt.from_row(_place(next(graded), prompt))
                said = [_place(next(rows), prompt) for rows in further]
                verdicts = Verdicts(row, said, sides.comparing)
            answered = _read_answered(completion)
            yield build_eval_rows(prompt, benchmarks[name], answered, verdicts, models)
    except ValueError as error:  # of zip: one side is shorter
        raise EvaluationError("evaluation rows", f"sides of unequal length ({error})") from error
    except StopIteration:
        raise EvaluationError("evaluation rows", "fewer verdicts than answers") from None


def _read_answered(row: Mapping[str, Any]) -> Answered:
    missing = {one["model"]: (one["status"], one["reason"]) for one in row.get("missing", ())}
    known = {name: value for name, value in row.items() if name != "missing"}
    return Answered(Completion.from_row(known), missing)


def _place(row: Mapping[str, Any], prompt: Prompt) -> dict[str, Any]:
    """A judge counts the judged rows alone; here all have the position of their prompt."""
    return {**row, "row": prompt.row}


def write_rows(rows: Iterable[Mapping[str, Any]], schema: pa.Schema, path: Path) -> int:
    """Streams rows into a parquet file that gets its name when it is whole; returns their number.

    Raises:
        ArtifactError: no space, no permission.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            batch: list[Mapping[str, Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) >= BATCH_ROWS:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    written += len(batch)
                    batch = []
            writer.write_table(pa.Table.from_pylist(batch, schema))
            written += len(batch)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise explain_os_error(error, path) from error
    return written
