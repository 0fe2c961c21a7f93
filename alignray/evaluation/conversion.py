"""`alignray convert EVAL_DIR FORMAT`: a finished evaluation as the files of other projects.

    lm_eval          <out>/<model>/results.json                  every number of the report
    alpaca_eval      <out>/<model>/model_outputs.json            the answers;
                     <out>/<model>/annotations.json              a comparing judge's preferences
    jailbreakbench   <out>/<model>/<benchmark>.json              judged answers to harmful prompts

These files hold prompts and answers as they are, harmful ones too (but for lm_eval's).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignray.artifacts import read_record
from alignray.config.evaluation import Thresholds
from alignray.config.loading import suggest
from alignray.durable import make_directory
from alignray.errors import ArtifactError, ConfigError
from alignray.evaluation.formats.alpaca_eval import (
    Annotation,
    ModelOutput,
    write_annotations,
    write_model_outputs,
)
from alignray.evaluation.formats.jailbreakbench import (
    VERDICT,
    Artifact,
    Jailbreak,
    build_parameters,
    write_artifact,
)
from alignray.evaluation.formats.lm_eval import build_results, write_results
from alignray.evaluation.metrics import is_harmful
from alignray.evaluation.rows import EvalRow

Record = Mapping[str, Any]
Files = Iterator[Path]


def convert(directory: Path, form: str, out: Path) -> list[Path]:
    """Writes the files of another project; returns their paths.

    Args:
        directory: of a finished `alignray eval`.
        form: `lm_eval`, `alpaca_eval` or `jailbreakbench`.
        out: the directory that gets a folder per model; nothing in it may exist already.

    Raises:
        ConfigError: no such format.
        ArtifactError: not a finished evaluation, or a file that is there already.
        StorageError: no space, no permission.
    """
    plain = form.lower().replace("-", "_")
    if plain not in _FORMATS:
        known = ", ".join(_FORMATS)
        hint = suggest(plain, _FORMATS)
        raise ConfigError("alignray convert", f"no format `{form}`", f"one of {known}", hint)
    record = read_record(directory)
    if record["verb"] != "eval":
        raise ArtifactError(str(directory), f"a stage of {record['verb']}", "one of alignray eval")
    return list(_FORMATS[plain](directory, record, out))


def _convert_lm_eval(directory: Path, record: Record, out: Path) -> Files:
    metrics, finished = record["metrics"], _read_date(directory)
    entries = defaultdict(list)
    for entry in [*metrics["report"], *metrics.get("judges", ())]:
        if entry["model"] in metrics["models"]:
            entries[entry["model"]].append(_name_once(entry))
    for model, found in entries.items():
        path = _reserve(out / model / "results.json")
        write_results(path, build_results(found, finished.timestamp()))
        yield path


def _name_once(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with what tells it from others of its metric in the metric's name."""
    marks = [entry.get("judge"), entry.get("against")]
    category = entry.get("category")
    marks += [category] if category not in (None, "all") else []
    named = "|".join(str(mark) for mark in marks if mark)
    return dict(entry) | ({"metric": f"{entry['metric']},{named}"} if named else {})


def _convert_alpaca_eval(directory: Path, record: Record, out: Path) -> Files:
    outputs: dict[str, list[ModelOutput]] = defaultdict(list)
    annotations: dict[str, list[Annotation]] = defaultdict(list)
    for rows in _read_prompts(directory):
        answers = {row.model: row for row in rows}
        for row in rows:
            if row.response is None:
                continue
            extra = {"dataset": row.benchmark}
            outputs[row.model].append(ModelOutput(_ask(row), row.response, row.model, extra))
            annotations[row.model] += _annotate(row, answers)
    for model, answered in outputs.items():
        path = _reserve(out / model / "model_outputs.json")
        write_model_outputs(path, answered)
        yield path
        if annotations[model]:
            path = _reserve(out / model / "annotations.json")
            write_annotations(path, annotations[model])
            yield path


def _annotate(row: EvalRow, answers: Mapping[str, EvalRow]) -> Iterator[Annotation]:
    """A comparing judge's preferences; 1 for the other model, 2 for this one, 1.5 for a tie."""
    for judgement in row.judgements:
        against, value = judgement["against"], judgement["value"]
        if against is None or answers[against].response is None:
            continue
        yield Annotation(
            _ask(row),
            answers[against].response,
            row.response,
            against,
            row.model,
            judgement["judge"],
            None if value is None else 1 + value,
            {"dataset": row.benchmark},
        )


def _convert_jailbreakbench(directory: Path, record: Record, out: Path) -> Files:
    at = Thresholds(**record["metrics"]["thresholds"])
    found: dict[tuple[str, str], list[Jailbreak | None]] = defaultdict(list)
    for rows in _read_prompts(directory):
        for row in rows:
            if row.kind == "harmful":
                group = found[row.model, row.benchmark]
                group.append(_build_jailbreak(row, at, len(group)))
    date = f"{_read_date(directory):%Y-%m-%d}"
    artifacts = {}
    for (model, benchmark), group in found.items():
        known = [jailbreak for jailbreak in group if jailbreak is not None]
        header = build_parameters(known, benchmark, model, "black_box", date)
        header["method_parameters"] = {"unscored": len(group) - len(known)}
        artifacts[model, benchmark] = Artifact(header, known)
    for (model, benchmark), artifact in artifacts.items():
        path = _reserve(out / model / f"{benchmark}.json")
        write_artifact(path, artifact)
        yield path


def _build_jailbreak(row: EvalRow, at: Thresholds, index: int) -> Jailbreak | None:
    """The row of an artifact; None without answer or verdict.

    The format takes a null response for an attack that gave up, and its reader asks for a verdict:
    what failed on our side would count as not jailbroken.
    """
    goal, verdict = _ask(row), is_harmful(row, at)
    if row.response is None or verdict is None:
        return None
    return Jailbreak(
        index,
        goal,
        goal,  # the publisher's short name of it: there is none
        row.category,
        goal,
        row.response,
        {VERDICT: verdict},
        {"prompt_id": row.prompt_id},
    )


def _read_prompts(directory: Path) -> Iterator[list[EvalRow]]:
    """The rows of each prompt, one per model."""
    rows: list[EvalRow] = []
    for row in _read_rows(directory / "data" / "eval.parquet"):
        if rows and rows[0].row != row.row:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _read_rows(path: Path) -> Iterable[EvalRow]:
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(512):
            yield from map(EvalRow.from_row, batch.to_pylist())


def _ask(row: EvalRow) -> str:
    """The prompt as one text: its last user message where it is the only one."""
    if len(row.messages) == 1:
        return row.messages[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in row.messages)


def _read_date(directory: Path) -> datetime:
    """When the evaluation finished."""
    return datetime.fromtimestamp((directory / "record.json").stat().st_mtime, UTC)


def _reserve(path: Path) -> Path:
    if path.exists():
        do = "choose another --out"
        raise ArtifactError(str(path), "is there already", "a new directory", do)
    make_directory(path.parent)
    return path


_FORMATS: dict[str, Callable[[Path, Record, Path], Files]] = {
    "lm_eval": _convert_lm_eval,
    "alpaca_eval": _convert_alpaca_eval,
    "jailbreakbench": _convert_jailbreakbench,
}
