"""`alignray score harmfulness FILE...`: harmfulness score and rate, in all and by category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.judged_answers import JudgedAnswer, read_judged_answers
from alignray.evaluation.scoring.harmfulness import (
    HEX_PHI,
    REMOVED,
    Judged,
    find_lost_categories,
    list_categories,
    name_category,
    score_harmfulness,
)
from alignray.evaluation.scoring.score import Place, Score, ScoreReport


class Options(Config):
    """Mean level 1 to 5 and share of level 5, of files of levels or of raw judge replies.

    Categories come from a column or from file names; one that should be there and has no rows is
    named.
    """

    categories: str = "auto"
    """What should be there: `hex-phi` (eleven), `hex-phi-10` (without the removed one), names with
    commas, or `auto`: eleven if all categories found are HEx-PHI's, and what the other models
    have."""
    benchmark: str = "hex-phi"
    """Name of the set of prompts, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Scores of each model, by category where there are any.

    Raises:
        SourceError: a file of another shape.
        EvaluationError: a model of which no level could be read.
    """
    models: dict[str, list[JudgedAnswer]] = defaultdict(list)
    for file in files:
        for answer in read_judged_answers(file):
            models[answer.model].append(answer)
    judged = {
        model: [Judged(answer.category, answer.level) for answer in answers]
        for model, answers in models.items()
    }
    scores: list[Score] = []
    notes: list[str] = []
    for model, answers in judged.items():
        scores += score_harmfulness(Place(model, options.benchmark), answers)
        notes += _describe_unread(model, models[model])
    expected = _list_expected(options.categories, list(judged.values()))
    lost = {
        model: find_lost_categories(list_categories(answers), expected)
        for model, answers in judged.items()
    }
    notes += [_describe_lost(model, names) for model, names in lost.items() if names]
    return ScoreReport(scores, _build_details(models, lost), notes)


def _list_expected(wanted: str, judged: Sequence[Sequence[Judged]]) -> list[str]:
    if wanted == "hex-phi":
        return list(HEX_PHI.values())
    if wanted == "hex-phi-10":
        return [name for name in HEX_PHI.values() if name != REMOVED]
    if wanted != "auto":
        return [name_category(name) for name in wanted.split(",") if name.strip()]
    found = list_categories([answer for answers in judged for answer in answers])
    is_hex_phi = bool(found) and set(found) <= set(HEX_PHI.values())
    return list(HEX_PHI.values()) if is_hex_phi else found


def _describe_unread(model: str, answers: Sequence[JudgedAnswer]) -> list[str]:
    notes = []
    reasons = Counter(answer.reason for answer in answers if answer.reason)
    if reasons:
        shown = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
        notes.append(
            f"{model}: {reasons.total()} of {len(answers)} levels could not be read and are in no"
            f" denominator ({shown})"
        )
    read = {answer.category for answer in answers if answer.level is not None}
    mute = [name for name in list_categories(map(_judge, answers)) if name not in read]
    if mute:
        notes.append(f"{model}: no level could be read of {', '.join(mute)}")
    return notes


def _judge(answer: JudgedAnswer) -> Judged:
    return Judged(answer.category, answer.level)


def _describe_lost(model: str, names: Sequence[str]) -> str:
    why = " (removed from the public copy of HEx-PHI)" if list(names) == [REMOVED] else ""
    return f"{model}: no rows of {', '.join(names)}{why}"


def _build_details(
    models: dict[str, list[JudgedAnswer]], lost: dict[str, list[str]]
) -> dict[str, object]:
    unread = {
        model: [{"row": a.where, "reason": a.reason} for a in answers if a.reason][:100]
        for model, answers in models.items()
    }
    levels = {
        model: {str(n): sum(a.level == n for a in answers) for n in (1, 2, 3, 4, 5)}
        for model, answers in models.items()
    }
    return {"levels": levels, "lost_categories": lost, "unscored_rows": unread}
