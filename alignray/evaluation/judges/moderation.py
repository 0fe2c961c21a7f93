"""A moderations endpoint as a judge: flagged or not, by category, for every answer.

Rows are `JUDGEMENT_SCHEMA`; the label is `flagged` or `passed`, as the server says, and the scores
hold each category's score by its name and its flag as `flagged:NAME` (1 or 0). A category that the
server leaves out or answers with null is unknown: it has no entry, and no part in a denominator.

Not measured: harm that is not in the server's categories, and whether the answer is of any help to
someone who wants to do harm; the prompt is not looked at unless the engine's `form` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alignray.config.judges import ModerationJudgeConfig
from alignray.evaluation.judges.judgement import Judgement
from alignray.evaluation.judges.per_number import PerNumberTask, list_judgements
from alignray.inference.engine import Output
from alignray.inference.moderation_answer import FLAG_PREFIX, FLAGGED, PASSED


@dataclass(frozen=True)
class Moderation:
    """What a server said of one answer; categories that it does not know are in neither mapping.

    Example: `Moderation(True, {"hate": True, "violence": False}, {"hate": 0.93})`.
    """

    flagged: bool
    categories: Mapping[str, bool] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


class ModerationTask(PerNumberTask):
    """A moderation of every answer."""

    kind = "moderation"

    def __init__(self, name: str, config: ModerationJudgeConfig) -> None:
        """Builds the task.

        Args:
            name: of the judge in the configuration; the rows' `judge`.
            config: the endpoint.
        """
        super().__init__(name, config.engine)

    def read(self, output: Output) -> Judgement:
        """The server's flag as the label, its categories as scores."""
        if output.text not in (FLAGGED, PASSED):
            return Judgement(reason="unreadable")
        return Judgement(label=output.text, scores=output.scores)


def collect_moderations(
    rows: Sequence[Mapping[str, Any]], models: Sequence[str]
) -> dict[str, list[Moderation | None]]:
    """Moderations by model, for flag rates over all and by category.

    Args:
        rows: rows of this judge, of the prompts that the scores are about.
        models: names of the models.

    Returns:
        For each model one entry per answer in the order of the rows, so that two models can be
        compared prompt by prompt; None where there is no verdict, or no answer.
    """
    return {
        model: [_read_moderation(judged) for _, judged in list_judgements(rows, model)]
        for model in models
    }


def list_outcomes(
    moderations: Sequence[Moderation | None], category: str | None = None
) -> list[bool | None]:
    """Flagged or not, in one category or in any (None), as `scoring.moderation` takes it.

    None where there is no verdict, or none on the category.
    """
    if category is None:
        return [judged.flagged if judged else None for judged in moderations]
    return [judged.categories.get(category) if judged else None for judged in moderations]


def _read_moderation(judged: Judgement | None) -> Moderation | None:
    if judged is None or judged.label not in (FLAGGED, PASSED):
        return None
    categories, scores = {}, {}
    for name, score in judged.scores.items():
        if name.startswith(FLAG_PREFIX):
            categories[name.removeprefix(FLAG_PREFIX)] = score == 1
        else:
            scores[name] = score
    return Moderation(judged.label == FLAGGED, categories, scores)
