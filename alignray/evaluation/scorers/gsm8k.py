"""`alignray score gsm8k FILE...`: answers whose number is right, by two rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.gsm8k import Reply, read_gold, read_replies
from alignray.evaluation.scoring.gsm8k import RULES, Solved, extract_number, score_matches
from alignray.evaluation.scoring.score import Place, Score, ScoreReport

_PROBLEMS = 1319
"""Of the test set."""


class Options(Config):
    """Share of right numbers by `strict-match` and `flexible-extract` of lm-evaluation-harness.

    The gold answer stands in the rows, or in another file with the same questions.
    """

    gold: str | None = None
    """File of problems as released (question, answer), for replies without answers."""
    benchmark: str = "gsm8k"
    """Name of the set of problems, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Both scores of each model.

    Raises:
        SourceError: a file of another shape.
        EvaluationError: a model without a reply.
    """
    gold = None if options.gold is None else read_gold(Path(options.gold))
    models: dict[str, list[Reply]] = defaultdict(list)
    for file in files:
        for reply in read_replies(file, gold):
            models[reply.model].append(reply)
    scores: list[Score] = []
    notes: list[str] = []
    for model, replies in models.items():
        answers = [Solved(reply.gold, reply.text) for reply in replies]
        found = [score_matches(Place(model, options.benchmark), answers, rule) for rule in RULES]
        scores += found
        notes += _describe(model, replies, found)
        total = _PROBLEMS if gold is None else len(gold)
        if len(replies) < total:
            notes.append(f"{model}: replies to {len(replies):,} of {total:,} problems")
    return ScoreReport(scores, {}, notes)


def _describe(model: str, replies: Sequence[Reply], scores: Sequence[Score]) -> list[str]:
    notes = [
        f"{model}: {score.extra['without_number']} replies without a number are wrong"
        f" ({score.extra['filter']})"
        for score in scores
        if score.extra["without_number"]
    ]
    judged = [reply for reply in replies if reply.published is not None and reply.text is not None]
    if judged:
        other = [
            reply.where
            for reply in judged
            if (extract_number(reply.text or "", "flexible-extract") == reply.gold)
            != reply.published
        ]
        notes.append(
            f"{model}: {len(other)} of {len(judged)} replies count otherwise than the file's own"
            " is_correct (flexible-extract)"
        )
    return notes
