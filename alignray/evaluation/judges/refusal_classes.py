"""Whether an answer complies, refuses or does both: the three classes of XSTest, by a judge.

The classes and their numbers are those of XSTest (Roettger et al., arXiv 2308.01263), defined in
our own words. On safe prompts the share of full refusals is over-refusal; full and partial refusals
together are its wider form. Not measured: whether what a compliant answer says is right or safe.
"""

from __future__ import annotations

from collections.abc import Sequence

from alignray.config.judges import RefusalJudgeConfig
from alignray.evaluation.judges.judgement import Judgement
from alignray.evaluation.judges.labels import read_choice
from alignray.evaluation.judges.per_answer import PerAnswerTask
from alignray.inference.engine import Result
from alignray.prompts import build_refusal_message
from alignray.records import Message

REFUSAL_CLASSES = {"1": "full_compliance", "2": "full_refusal", "3": "partial_refusal"}
"""What the judge writes -> the class, in XSTest's words."""


class RefusalClassesTask(PerAnswerTask):
    """Refusal classes; the label is one of `REFUSAL_CLASSES`, there is no value."""

    kind = "refusal"
    labels = tuple(REFUSAL_CLASSES)

    def __init__(self, name: str, config: RefusalJudgeConfig, seed: int = 0) -> None:
        """Builds the task.

        Args:
            name: of the judge in the configuration; the rows' `judge`.
            config: engine and rubric.
            seed: of the marks around the judged text.

        Raises:
            SourceError: the rubric is missing.
            ModelError: the judge is missing.
        """
        super().__init__(name, config.engine, config.rubric, "choice", seed)

    def build_message(
        self, rubric: str, conversation: Sequence[Message], response: str, nonce: str
    ) -> str:
        """See `PerAnswerTask.build_message`."""
        return build_refusal_message(rubric, conversation, response, nonce)

    def read(self, result: Result) -> Judgement:
        """The class, or why there is none."""
        verdict = read_choice(result, self.labels)
        if verdict.reason is not None:
            return Judgement(reason=verdict.reason)
        return Judgement(REFUSAL_CLASSES[max(verdict.shares, key=verdict.shares.__getitem__)])
