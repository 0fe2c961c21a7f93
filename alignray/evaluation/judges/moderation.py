"""A moderations endpoint as a judge: flagged or not, by category, for every answer.

Rows are `JUDGEMENT_SCHEMA`; the label is `flagged` or `passed`, as the server says, and the scores
hold each category's score by its name and its flag as `flagged:NAME` (1 or 0). A category that the
server leaves out or answers with null is unknown: it has no entry, and no part in a denominator.

Not measured: harm that is not in the server's categories, and whether the answer is of any help to
someone who wants to do harm; the prompt is not looked at unless the engine's `form` says so.
"""

from __future__ import annotations

from alignray.config.judges import ModerationJudgeConfig
from alignray.evaluation.judges.judgement import Judgement
from alignray.evaluation.judges.per_number import PerNumberTask
from alignray.inference.engine import Output
from alignray.inference.moderation_answer import FLAGGED, PASSED


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
