"""`alignray score preference_accuracy FILE...`: a reward or cost model against preferences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.preference_scores import ScoredRow, read_scored_rows
from alignray.evaluation.scoring.preference_accuracy import (
    Higher,
    score_auc,
    score_preference_accuracy,
)
from alignray.evaluation.scoring.score import Place, Score, ScoreReport


class Options(Config):
    """Share of pairs in which the chosen response scores better; AUC where scores have labels.

    A tie is half, a missing score unscored. The model is the column `model`, else the file's name.
    """

    higher: Higher = "better"
    """Whether a higher score is better (reward) or worse (cost)."""
    benchmark: str = "preferences"
    """Name of the set of pairs, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Accuracy and AUC of each model.

    Raises:
        SourceError: a file of another shape.
        EvaluationError: a model without a scored pair, or with one label alone.
    """
    models: dict[str, list[ScoredRow]] = defaultdict(list)
    for file in files:
        for row in read_scored_rows(file):
            models[row.model].append(row)
    scores: list[Score] = []
    notes: list[str] = []
    for model, rows in models.items():
        place = Place(model, options.benchmark)
        pairs = [row.pair for row in rows if row.pair is not None]
        singles = [row.single for row in rows if row.single is not None]
        if pairs:
            scores.append(score_preference_accuracy(place, pairs, options.higher))
        if singles:
            scores.append(score_auc(place, singles, options.higher))
    for score in scores:
        if score.unscored:
            notes.append(f"{score.model}: {score.unscored} rows without a score are left out")
    return ScoreReport(scores, {}, notes)
