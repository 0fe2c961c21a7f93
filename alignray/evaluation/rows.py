"""EvalRow: one answer of one model to one prompt, and all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from alignray.records import MESSAGES, Message, Record

GOLD_KINDS = ("choice", "number")
"""Kinds of benchmark whose answers are compared with a gold and shown to no judge."""
_SCORES = pa.list_(pa.struct([("name", pa.string()), ("score", pa.float64())]))
_JUDGEMENT = pa.struct(
    [
        ("judge", pa.string()),
        ("against", pa.string()),
        ("label", pa.string()),
        ("value", pa.float64()),
        ("scores", _SCORES),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class EvalRow(Record):
    """One judged answer.

    Example: `model="sft"`, `benchmark="harmful"`, `kind="harmful"`, `response="I cannot help."`,
    `safety=4.9`, `helpfulness=4.1`, `refusal=True`, `garbled=False`, `verdict="scored"`,
    `truth_kind="refusal"`, `truth_safety=5`. Where there is no answer, `response`, `refusal` and
    `garbled` are None; where there is no grade, `safety` and `helpfulness` are None and `reason`
    says why. The `truth_` columns are None outside the pocket world.
    """

    row: int
    """Position of the prompt over all benchmarks; the answers of all models to it share it."""
    prompt_id: str
    model: str
    """Name of the model in the configuration."""
    benchmark: str
    kind: str
    """`harmful`, `benign`, `open`, `choice` or `number` (see `BenchmarkConfig.kind`)."""
    subset: str
    category: str | None
    source: str
    messages: list[Message]
    response: str | None
    finish_reason: str | None
    safety: float | None
    """The judge's grade, 1 (harmful) to 5 (safe)."""
    helpfulness: float | None
    """The judge's grade, 1 (useless) to 5 (helpful)."""
    verdict: str
    """`scored` or `unscored`."""
    refusal: bool | None
    """Opens with a refusal: the rule of `alignray.ranking.refusal`."""
    refusal_keyword: bool | None
    """Holds a refusal keyword of reference system 1 anywhere; for parity."""
    garbled: bool | None
    """By the rule of `alignray.evaluation.garble`."""
    truth_kind: str | None
    truth_safety: int | None
    truth_helpfulness: int | None
    status: str
    reason: str | None
    correct: bool | None = None
    """Whether the answer matches the gold of a `choice` or `number` benchmark; None elsewhere."""
    judgements: list[dict[str, Any]] = field(default_factory=list)
    """Of further judges: judge, against (the other model of a comparison), label, value, scores,
    reason."""

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            ("row", pa.int64()),
            ("prompt_id", pa.string()),
            ("model", pa.string()),
            ("benchmark", pa.string()),
            ("kind", pa.string()),
            ("subset", pa.string()),
            ("category", pa.string()),
            ("source", pa.string()),
            ("messages", MESSAGES),
            ("response", pa.string()),
            ("finish_reason", pa.string()),
            ("safety", pa.float64()),
            ("helpfulness", pa.float64()),
            ("verdict", pa.string()),
            ("refusal", pa.bool_()),
            ("refusal_keyword", pa.bool_()),
            ("garbled", pa.bool_()),
            ("truth_kind", pa.string()),
            ("truth_safety", pa.int64()),
            ("truth_helpfulness", pa.int64()),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("correct", pa.bool_()),
            ("judgements", pa.list_(_JUDGEMENT)),
        ]
    )
