"""`alignray score mmlu FILE...`: accuracy by subject, sub-category, category, and over all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.errors import SourceError
from alignray.evaluation.formats.mmlu import Prediction, read_predictions
from alignray.evaluation.scoring.mmlu import (
    Answered,
    list_missing_subjects,
    list_unknown_subjects,
    score_accuracies,
)
from alignray.evaluation.scoring.mmlu_categories import SUBCATEGORIES
from alignray.evaluation.scoring.score import Place, Score, ScoreReport


class Options(Config):
    """Accuracy of files of predictions, one per subject; the folder's name is the model.

    Predictions that are no letter are unscored: `value` leaves them out, `value_unscored_as_wrong`
    counts them as wrong.
    """

    benchmark: str = "mmlu"
    """Name of the set of questions, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Accuracies of each model.

    Raises:
        SourceError: a file of another shape; a subject of a model in two files.
        EvaluationError: a model of which no prediction could be read.
    """
    models: dict[str, list[Prediction]] = defaultdict(list)
    homes: dict[tuple[str, str], Path] = {}
    for file in files:
        found = read_predictions(file)
        for name in {(row.model, row.subject) for row in found}:
            if name in homes:
                raise SourceError(
                    str(file), f"{name[1]} of {name[0]} a second time", f"once (see {homes[name]})"
                )
            homes[name] = file
        for row in found:
            models[row.model].append(row)
    scores: list[Score] = []
    notes: list[str] = []
    for model, rows in models.items():
        answers = [Answered(row.subject, row.right) for row in rows]
        scores += score_accuracies(Place(model, options.benchmark), answers)
        notes += _describe(model, rows)
    unscored = {m: [r.where for r in rows if r.right is None][:100] for m, rows in models.items()}
    return ScoreReport(scores, {"unscored_rows": unscored}, notes)


def _describe(model: str, rows: Sequence[Prediction]) -> list[str]:
    notes = []
    subjects = {row.subject for row in rows}
    missing, unknown = list_missing_subjects(subjects), list_unknown_subjects(subjects)
    if missing:
        known = len(SUBCATEGORIES) - len(missing)
        notes.append(f"{model}: {known} of {len(SUBCATEGORIES)} subjects are here")
    if unknown:
        notes.append(f"{model}: subjects in no category: {', '.join(unknown)}")
    unscored = sum(row.right is None for row in rows)
    if unscored:
        notes.append(
            f"{model}: {unscored} of {len(rows)} predictions could not be read and are left out;"
            " value_unscored_as_wrong has them as wrong"
        )
    mute = [s for s in sorted(subjects) if all(r.right is None for r in rows if r.subject == s)]
    if mute:
        notes.append(f"{model}: no prediction could be read of {', '.join(mute)}")
    texts = Counter((row.subject, row.question) for row in rows if row.question)
    doubled = sum(count - 1 for count in texts.values())
    if doubled:
        notes.append(f"{model}: {doubled} questions come more than once and count each time")
    return notes
