"""What a further judge says of the answers to one prompt: one row, one entry per answer.

All judges write this one shape, whatever they measure: a label, a number, scores by name, or the
reason why there is none. `judges/*.py` are row tasks (`alignray.inference.row_task.RowTask`) over
the rows of `Completion`, in which `generation_models` names the model of each answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from alignray.inference.row_task import compute_row_key
from alignray.records import RowStatus

JUDGEMENT_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("prompt_id", pa.string()),
        ("judge", pa.string()),
        ("models", pa.list_(pa.string())),
        ("labels", pa.list_(pa.string())),
        ("values", pa.list_(pa.float64())),
        (
            "scores",
            pa.list_(pa.list_(pa.struct([("name", pa.string()), ("score", pa.float64())]))),
        ),
        ("reasons", pa.list_(pa.string())),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("key", pa.string()),
    ]
)


@dataclass(frozen=True)
class Judgement:
    """A judge's word on one answer: a label, a number or both; or the reason for neither.

    Example: `Judgement("full_refusal")`, `Judgement(value=4.0)`, `Judgement("flagged", scores={
    "hate": 0.93})`, `Judgement(reason="unreadable")`.
    """

    label: str | None = None
    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None

    def __post_init__(self) -> None:
        has_verdict = self.label is not None or self.value is not None
        if has_verdict == (self.reason is not None):
            raise ValueError("a judgement has either a verdict or a reason")


def compute_judgement_key(salt: str, row: Mapping[str, Any]) -> str:
    """Ledger key of a judge's row: judge (the salt), prompt, conversation, answers, models."""
    names = ("prompt_id", "messages", "generations", "generation_models")
    return compute_row_key(salt, *(row[name] for name in names))


def build_judgement_row(
    row: Mapping[str, Any], judge: str, key: str, judgements: Sequence[Judgement]
) -> dict[str, Any]:
    """The row of a judge from one judgement per answer of `row`, in the order of its answers.

    The row is ok if any answer has a verdict; tokens are 0 and are the task's to fill in.
    """
    reasons = [judgement.reason for judgement in judgements]
    ok = any(reason is None for reason in reasons)
    worst = next((reason for reason in reasons if reason), "no answers")
    return {
        "row": row["row"],
        "prompt_id": row["prompt_id"],
        "judge": judge,
        "models": list(row["generation_models"]),
        "labels": [judgement.label for judgement in judgements],
        "values": [judgement.value for judgement in judgements],
        "scores": [
            [{"name": name, "score": score} for name, score in judgement.scores.items()]
            for judgement in judgements
        ],
        "reasons": reasons,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "status": (RowStatus.OK if ok else RowStatus.UNSCORED).value,
        "reason": None if ok else worst,
        "key": key,
    }


def build_empty_judgement_row(
    row: Mapping[str, Any], judge: str, key: str, status: RowStatus, reason: str
) -> dict[str, Any]:
    """The row of a judge that ended without verdicts, with its reason for every answer."""
    empty = [Judgement(reason=reason) for _ in row["generation_models"]]
    return build_judgement_row(row, judge, key, empty) | {"status": status.value, "reason": reason}
