"""The rows that cross stages: Prompt -> Completion -> RankedPrompt -> Preference, and EvalRow.

Each record is a frozen dataclass with an explicit Arrow schema (`ARROW_SCHEMA`) in field order,
so that parquet files never depend on what the first block of rows happened to hold. Records are
made from rows with `from_row` and turned into rows with `to_row`.

Columns follow TRL (`prompt`, `chosen`, `rejected`, message lists) and UltraFeedback
(`prompt_id`, `generations`, `ratings`, `score_chosen`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self, TypedDict

import pyarrow as pa

SCHEMA_VERSION = 1
"""Part of every row key: raised when the meaning of a column changes."""


class Message(TypedDict):
    """One turn of a conversation, e.g. `{"role": "user", "content": "Hello"}`."""

    role: str
    content: str


class RowStatus(StrEnum):
    """The terminal states of a row: rows in = ok + unscored + failed."""

    OK = "ok"
    UNSCORED = "unscored"
    FAILED = "failed"


MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

_PROMPT_FIELDS: list[tuple[str, pa.DataType]] = [
    ("row", pa.int64()),
    ("prompt_id", pa.string()),
    ("messages", MESSAGES),
    ("subset", pa.string()),
    ("category", pa.string()),
    ("source", pa.string()),
    ("original", pa.string()),
]
_END_FIELDS: list[tuple[str, pa.DataType]] = [
    ("status", pa.string()),
    ("reason", pa.string()),
    ("key", pa.string()),
]
_GENERATION_FIELDS: list[tuple[str, pa.DataType]] = [
    ("generations", pa.list_(pa.string())),
    ("generation_models", pa.list_(pa.string())),
    ("finish_reasons", pa.list_(pa.string())),
]


class Record:
    """What all records share: conversion from and to rows (plain dicts in schema order)."""

    ARROW_SCHEMA: ClassVar[pa.Schema]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Builds the record from a row that has at least its columns; other columns are ignored.

        Raises:
            KeyError: a column is missing.
        """
        return cls(**{name: row[name] for name in cls.ARROW_SCHEMA.names})

    def to_row(self) -> dict[str, Any]:
        """The record as one row of its Arrow schema."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Prompt(Record):
    """One conversation that ends with a user turn.

    Example: `Prompt(row=0, prompt_id="6f1c...", messages=[{"role": "user", "content": "Hi"}],
    subset="benign", category=None, source="prompts.jsonl:1", original="{}")`.
    """

    row: int
    """Position in the stage's input, from 0, without gaps."""
    prompt_id: str
    """Stable and unique: a hash of the conversation, or the id that the source gives."""
    messages: list[Message]
    subset: str
    """Which part of its source the row belongs to, e.g. `harmful`; `default` where there is one."""
    category: str | None
    """Harm category, where the source names one."""
    source: str
    """Where the row came from: `file:line` (from 1) or `dataset:split:row`."""
    original: str
    """The source row as JSON, kept whole."""

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(_PROMPT_FIELDS)


@dataclass(frozen=True, slots=True)
class Completion(Record):
    """N responses of one model to one prompt, nested in one row so that none can be lost alone.

    Example: `generations=["Sure.", "No."]`, `finish_reasons=["stop", "length"]`,
    `completion_tokens=[3, 64]`, `prompt_tokens=12`, `status="ok"`. Other rows have
    empty lists and its `reason`.
    """

    row: int
    prompt_id: str
    messages: list[Message]
    subset: str
    category: str | None
    source: str
    original: str
    generations: list[str]
    generation_models: list[str]
    """Model of each response, `base:adapter` where an adapter was used."""
    finish_reasons: list[str]
    """`stop` or `length` for each response."""
    completion_tokens: list[int]
    prompt_tokens: int
    logps: list[float | None]
    """Sum of the token log-probabilities of each response (nats), where the engine gives it."""
    sampling: str
    """The sampling parameters as JSON."""
    status: str
    reason: str | None
    key: str
    """Ledger key of the row."""

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            *_PROMPT_FIELDS,
            *_GENERATION_FIELDS,
            ("completion_tokens", pa.list_(pa.int64())),
            ("prompt_tokens", pa.int64()),
            ("logps", pa.list_(pa.float64())),
            ("sampling", pa.string()),
            *_END_FIELDS,
        ]
    )


@dataclass(frozen=True, slots=True)
class RankedPrompt(Record):
    """One prompt, its N responses and what the judge said of each.

    Example: `ratings=[4.5, 1.5]`, `ranks=[1, 2]`, `safety=[5.0, 1.0]`, `helpfulness=[4.0, 2.0]`,
    `verdicts=["scored", "scored"]`. A response that the judge could not grade has None as rating
    and rank, `unscored` as verdict and the reason beside it. A row is `ok` if at least two
    responses (or the only one) are scored, else `unscored`.
    """

    row: int
    prompt_id: str
    messages: list[Message]
    subset: str
    category: str | None
    source: str
    original: str
    generations: list[str]
    generation_models: list[str]
    finish_reasons: list[str]
    ratings: list[float | None]
    """Higher is better; the scale is the mode's (score: 1 to 5; rank: N+1 minus the mean rank)."""
    ranks: list[float | None]
    """1 = best; tied responses share the mean of their ranks."""
    safety: list[float | None]
    """Safety on the rubric's 1 to 5 (5 = safe); None in rank mode."""
    helpfulness: list[float | None]
    """Helpfulness on the rubric's 1 to 5; None in rank mode."""
    verdicts: list[str]
    """`scored`, `tie` or `unscored` for each response."""
    verdict_reasons: list[str | None]
    """Why a response is unscored: `unreadable`, `refused`, `truncated`, `error`."""
    position_ranks: list[float | None]
    """Mean rank given to each presentation position over the orders shown (rank mode)."""
    flip_rate: float | None
    """Share of response pairs on which two orders disagree (rank mode, two orders or more)."""
    judge: str
    prompt_tokens: int
    """Tokens read by the judge for this row, over all its requests."""
    completion_tokens: int
    """Tokens written by the judge for this row."""
    status: str
    reason: str | None
    key: str

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            *_PROMPT_FIELDS,
            *_GENERATION_FIELDS,
            ("ratings", pa.list_(pa.float64())),
            ("ranks", pa.list_(pa.float64())),
            ("safety", pa.list_(pa.float64())),
            ("helpfulness", pa.list_(pa.float64())),
            ("verdicts", pa.list_(pa.string())),
            ("verdict_reasons", pa.list_(pa.string())),
            ("position_ranks", pa.list_(pa.float64())),
            ("flip_rate", pa.float64()),
            ("judge", pa.string()),
            ("prompt_tokens", pa.int64()),
            ("completion_tokens", pa.int64()),
            *_END_FIELDS,
        ]
    )


@dataclass(frozen=True, slots=True)
class Preference(Record):
    """A pair in TRL's conversational form, with scores and models beside it.

    Example: `prompt=[{"role": "user", ...}]`, `chosen=[{"role": "assistant", ...}]`,
    `rejected=[{"role": "assistant", ...}]`, `score_chosen=4.5`, `score_rejected=1.5`.
    """

    prompt_id: str
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    score_chosen: float | None
    score_rejected: float | None
    chosen_model: str | None
    rejected_model: str | None
    subset: str
    category: str | None
    source: str

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            ("prompt_id", pa.string()),
            ("prompt", MESSAGES),
            ("chosen", MESSAGES),
            ("rejected", MESSAGES),
            ("score_chosen", pa.float64()),
            ("score_rejected", pa.float64()),
            ("chosen_model", pa.string()),
            ("rejected_model", pa.string()),
            ("subset", pa.string()),
            ("category", pa.string()),
            ("source", pa.string()),
        ]
    )
