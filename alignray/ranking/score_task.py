"""Score mode as a row task: 1 to 5 for safety and for helpfulness, each response by itself.

Two requests per response, each for a single token. All requests of a criterion begin with the same
rubric and prompt, so an engine with prefix caching reads these once. A response is graded alone, so
its place in a list cannot matter; what does matter, and is not measured here, is its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from alignray.config.inference import SamplingParams
from alignray.inference.engine import Constraint, Request, Result, get_model_label
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_row_key, compute_salt
from alignray.prompts import build_score_message, load_rubric
from alignray.ranking.judging import (
    JudgeSettings,
    build_ranked_row,
    check_judgeable,
    choose_nonce,
    compute_form_digest,
    summarize_verdicts,
)
from alignray.ranking.verdicts import GRADES, Verdict, read_result
from alignray.records import RankedPrompt, RowStatus

EQUAL_WEIGHTS = 0.5
_ONE_TOKEN = SamplingParams(n=1, temperature=0, max_tokens=1)


def build_score_task(settings: JudgeSettings, safety_weight: float = EQUAL_WEIGHTS) -> ScoreTask:
    """The task that settings describe.

    Args:
        settings: judge, rubrics, form of the verdict, seed.
        safety_weight: 0 to 1; rating = weight * safety + (1 - weight) * helpfulness.

    Raises:
        SourceError: a rubric is missing.
        ModelError: the judge is missing.
    """
    return ScoreTask(settings, safety_weight)


class ScoreTask:
    """Grades of the responses to one prompt; see `alignray.inference.row_task.RowTask`."""

    output_schema: pa.Schema = RankedPrompt.ARROW_SCHEMA

    def __init__(self, settings: JudgeSettings, safety_weight: float) -> None:
        self._safety = load_rubric(settings.safety_rubric)
        self._helpfulness = load_rubric(settings.helpfulness_rubric)
        self._verdict = settings.verdict
        self._safety_weight = safety_weight
        self._seed = settings.seed
        self._judge = get_model_label(settings.judge)
        self.salt = compute_salt(
            {
                "stage": "rank",
                "mode": "score",
                "judge": describe_engine(settings.judge),
                "rubrics": [self._safety.digest, self._helpfulness.digest],
                "form": compute_form_digest(),
                "verdict": settings.verdict,
                "safety_weight": safety_weight,
                "seed": settings.seed,
            }
        )

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Judge, rubrics and form (the salt), prompt id, conversation and responses."""
        return compute_row_key(self.salt, row["prompt_id"], row["messages"], row["generations"])

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """Safety of all responses, then helpfulness of all.

        Raises:
            RequestRejected: the row has no responses.
        """
        check_judgeable(row, at_least=1)
        nonce, key = choose_nonce(row, self._seed), self.compute_key(row)
        return [
            self._build_request(
                f"{key}-{criterion}-{index}",
                build_score_message(rubric.text, row["messages"], response, nonce),
            )
            for criterion, rubric in (("safety", self._safety), ("help", self._helpfulness))
            for index, response in enumerate(row["generations"])
        ]

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The prompt's columns, its responses and their grades."""
        grades = [read_result(result, self._verdict) for result in results]
        size = len(row["generations"])
        safety, helpfulness = grades[:size], grades[size:]
        mixed = [self._mix(s, h) for s, h in zip(safety, helpfulness, strict=True)]
        return (
            build_ranked_row(row, self._judge, self.compute_key(row))
            | summarize_verdicts(mixed)
            | {
                "safety": [grade.value for grade in safety],
                "helpfulness": [grade.value for grade in helpfulness],
                "prompt_tokens": sum(result.prompt_tokens for result in results),
                "completion_tokens": sum(
                    output.num_tokens for result in results for output in result.outputs
                ),
            }
        )

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row with its responses, all unscored, and the reason."""
        empty = build_ranked_row(row, self._judge, self.compute_key(row))
        return empty | {"status": status.value, "reason": reason}

    def _build_request(self, request_id: str, content: str) -> Request:
        by_logprobs = self._verdict == "logprobs"
        return Request(
            request_id=request_id,
            messages=[{"role": "user", "content": content}],
            sampling=_ONE_TOKEN,
            seed=self._seed,
            constraint=None if by_logprobs else Constraint(choice=GRADES),
            label_tokens=GRADES if by_logprobs else (),
        )

    def _mix(self, safety: Verdict, helpfulness: Verdict) -> Verdict:
        if safety.value is None or helpfulness.value is None:
            return Verdict(None, safety.reason or helpfulness.reason)
        weight = self._safety_weight
        return Verdict(weight * safety.value + (1 - weight) * helpfulness.value)
