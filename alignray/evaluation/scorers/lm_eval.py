"""`alignray score lm_eval FILE...`: what lm-evaluation-harness computed, in our form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.lm_eval import Entry, read_results
from alignray.evaluation.scoring.score import Measure, Score, ScoreReport

_FIELDS = (
    "model",
    "benchmark",
    "metric",
    "direction",
    "value",
    "ci_low",
    "ci_high",
    "k",
    "n",
    "unscored",
    "method",
    "not_measured",
)


class Options(Config):
    """The numbers of `results.json` files as they are; intervals from their standard errors."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """The scores of each task and metric.

    Raises:
        SourceError: a file of another shape.
    """
    scores, notes = [], []
    for file in files:
        results = read_results(file)
        scores += [_build_score(entry) for entry in results.entries]
        unknown = sorted({e["benchmark"] for e in results.entries if e["n"] is None})
        if unknown:
            notes.append(f"{file.name}: rows unknown (shown as 0): {', '.join(unknown)}")
        if results.skipped:
            notes.append(f"{file.name}: no number, left out: {', '.join(results.skipped)}")
    return ScoreReport(scores, {}, notes)


def _build_score(entry: Entry) -> Score:
    measure = Measure(
        entry["metric"],
        entry["metric"],
        entry["direction"],
        -float("inf"),
        float("inf"),
        entry["not_measured"],
    )
    return Score(
        measure,
        entry["model"],
        entry["benchmark"],
        entry["value"],
        entry["ci_low"],
        entry["ci_high"],
        entry["k"],
        entry["n"] or 0,
        entry["unscored"],
        entry["method"],
        {name: value for name, value in entry.items() if name not in _FIELDS},
    )
