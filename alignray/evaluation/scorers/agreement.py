"""`alignray score agreement FILE...`: how far two judges or more agree on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from alignray.config.base import Config
from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.formats.columns import name_models, strip_suffixes
from alignray.evaluation.formats.labels import (
    Table,
    find_label_columns,
    read_ids,
    read_label,
    read_table,
)
from alignray.evaluation.scoring.agreement_many import (
    Level,
    code_labels,
    estimate_alpha,
    estimate_fleiss,
    measure_agreement,
)
from alignray.evaluation.scoring.bootstrap import Floats, Resampling
from alignray.evaluation.scoring.judge_quality import score_kappa
from alignray.evaluation.scoring.score import (
    Measure,
    Place,
    Score,
    ScoreReport,
    score_estimate,
    score_mean,
    score_rate,
)
from alignray.ranking.agreement import Estimate

Labels = list[list[str | None]]

_NOT = "Whether the labels are right: judges can share an error."
AGREEMENT = Measure("agreement", "Pairs of judges with the same label", "higher", 0, 1, _NOT
                    + " Agreement by chance is in it.")  # fmt: skip
UNANIMOUS = Measure("unanimous", "Rows on which all judges agree", "higher", 0, 1, _NOT)
KAPPA = Measure("cohen_kappa", "Cohen's kappa", "higher", -1, 1, _NOT)
FLEISS = Measure("fleiss_kappa", "Fleiss' kappa", "higher", -1, 1, _NOT)
ALPHA = Measure("krippendorff_alpha", "Krippendorff's alpha", "higher", -1, 1, _NOT)
_MAX_SIZE = 1e100
"""Of a label that is a number: its square, summed over rows, must be a number."""
_METHOD = "bootstrap over rows, Wilson interval by effective rows"


class Options(Config):
    """Agreement of label columns of one CSV, JSON or JSONL file, or of files joined by id.

    Missing labels are allowed: a pair of judges counts where both have a label.
    """

    columns: list[str] = Field(default=[])
    """Label columns; empty: those named as judges' columns are (`annotator1`, `label_a`, ...)."""
    id: str | None = None
    """Column that names a row where several files are joined; else a usual one, or the position."""
    level: Level = "nominal"
    """How alpha measures distance: same or not, ranks, or squared differences (numbers)."""
    seed: int = Field(default=0, ge=0)
    """Of the bootstrap."""
    num_resamples: int = Field(default=1000, ge=100, le=100_000)
    """Of the bootstrap."""

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: list[str]) -> list[str]:
        twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
        if twice:
            raise ValueError(f"`{twice[0]}` is named twice: name each column once")
        return columns


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Agreement, Cohen's kappa of each pair, Fleiss' kappa and Krippendorff's alpha.

    Raises:
        SourceError: fewer than two columns of labels, another shape, ids that are there twice.
        EvaluationError: no row with two labels.
    """
    judges, labels = _join(files, options)
    if len(judges) < 2:
        raise SourceError(
            str(files[0]), f"one column of labels, `{judges[0]}`", "two or more",
            "name them: columns=[a,b]; or give a file a judge",
        )  # fmt: skip
    place = Place("+".join(judges), "+".join(strip_suffixes(file) for file in files))
    codes = code_labels(labels)
    resampling = Resampling(options.seed, options.num_resamples)
    scores = _score_observed(place, codes)
    notes = _note_missing(labels)
    scores += _score_pairs(judges, place, labels, notes)
    try:
        scores.append(_build(FLEISS, place, estimate_fleiss(codes, resampling), len(labels)))
    except EvaluationError as error:
        notes.append(f"no Fleiss kappa: {error}")
    values = codes if options.level == "nominal" else _read_numbers(judges, labels, options.level)
    try:
        alpha = estimate_alpha(values, options.level, resampling)
        scores.append(_build(ALPHA, place, alpha, len(labels), {"level": options.level}))
    except EvaluationError as error:
        notes.append(f"no Krippendorff alpha: {error}")
    return ScoreReport(scores, {"label_counts": _count_labels(judges, labels)}, notes)


def _join(files: Sequence[Path], options: Options) -> tuple[list[str], Labels]:
    """Judges' names, and a row of labels for each id over all files."""
    tables = [read_table(file) for file in files]
    names = name_models(files)
    judges: list[str] = []
    by_id: dict[str, dict[str, str | None]] = {}
    for table in tables:
        wanted = [name for name in options.columns if name in table.columns]
        columns = find_label_columns(table, wanted if len(files) > 1 else options.columns)
        ids = _name_rows(table, options, len(files) > 1)
        for column in columns:
            judge = column if len(files) == 1 else f"{names[table.path]}:{column}"
            judges.append(judge)
            for id_, (where, row) in zip(ids, table.rows, strict=True):
                by_id.setdefault(id_, {})[judge] = read_label(where, row, column)
    return judges, [[row.get(judge) for judge in judges] for row in by_id.values()]


def _name_rows(table: Table, options: Options, joined: bool) -> list[str]:
    if joined or options.id is not None:
        return read_ids(table, options.id)
    return [str(index) for index in range(len(table.rows))]


def _score_observed(place: Place, codes: Floats) -> list[Score]:
    shares = [None if np.isnan(x) else float(x) for x in measure_agreement(codes)]
    agreed = [None if share is None else share == 1 for share in shares]
    if codes.shape[1] == 2:
        return [score_rate(AGREEMENT, place, agreed)]
    return [score_mean(AGREEMENT, place, shares), score_rate(UNANIMOUS, place, agreed)]


def _score_pairs(
    judges: Sequence[str], place: Place, labels: Labels, notes: list[str]
) -> list[Score]:
    scores = []
    for a, b in combinations(range(len(judges)), 2):
        pairs = [(row[a], row[b]) for row in labels]
        known = [(str(x), str(y)) for x, y in pairs if x is not None and y is not None]
        name = Place(f"{judges[a]}+{judges[b]}", place.benchmark)
        found = score_kappa(KAPPA, name, known, len(pairs) - len(known))
        if not found:
            notes.append(f"{name.model}: no Cohen's kappa: fewer than two labels are in use")
        scores += found
    return scores


def _build(
    measure: Measure, place: Place, found: Estimate, total: int, extra: dict[str, str] | None = None
) -> Score:
    score = score_estimate(measure, place, found, total - found.n, _METHOD)
    return replace(score, extra=extra or {})


def _read_numbers(judges: Sequence[str], labels: Labels, level: str) -> Floats:
    values = np.full((len(labels), len(judges)), np.nan)
    for at, row in enumerate(labels):
        for judge, label in enumerate(row):
            if label is None:
                continue
            number = _as_number(label)
            if number is None:
                where = f"`{judges[judge]}`, row {at}"
                raise SourceError(where, "a label that is no number", f"numbers for {level}")
            values[at, judge] = number
    return values


def _as_number(label: str) -> float | None:
    try:
        number = float(label)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < _MAX_SIZE else None


def _count_labels(judges: Sequence[str], labels: Labels) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {judge: {} for judge in judges}
    for row in labels:
        for judge, label in zip(judges, row, strict=True):
            name = "(missing)" if label is None else label
            counts[judge][name] = counts[judge].get(name, 0) + 1
    most = 50
    return {
        judge: dict(sorted(c.items(), key=lambda x: -x[1])[:most]) for judge, c in counts.items()
    }


def _note_missing(labels: Labels) -> list[str]:
    missing = sum(any(label is None for label in row) for row in labels)
    return [f"{missing} of {len(labels)} rows lack a label"] if missing else []
