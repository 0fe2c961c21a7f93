"""What the two ways of judging share: settings, block marks, rows. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from alignray.config.inference import EngineConfig
from alignray.inference.engine import RequestRejected
from alignray.prompts import build_nonce, build_rank_message, build_score_message
from alignray.ranking.orders import compute_ranks
from alignray.ranking.verdicts import UnscoredReason, Verdict, VerdictKind
from alignray.records import Prompt, RankedPrompt, RowStatus

_COPIED = (
    *Prompt.ARROW_SCHEMA.names,
    "generations",
    "generation_models",
    "finish_reasons",
)


_TRIES_PER_LENGTH = 16
"""Attempts at a block mark before it gets four digits more."""


class JudgeSettings(Protocol):
    """What a configuration must say for grades to be made with it."""

    @property
    def judge(self) -> EngineConfig:
        """The model that judges."""

    @property
    def safety_rubric(self) -> str:
        """Name or file of the safety rubric."""

    @property
    def helpfulness_rubric(self) -> str:
        """Name or file of the helpfulness rubric."""

    @property
    def verdict(self) -> Literal["logprobs", "choice"]:
        """Expected grade from log-probabilities, or the grade written."""

    @property
    def seed(self) -> int:
        """Seed of block marks and presentation orders."""


def compute_form_digest() -> str:
    """Hash of how judge messages are put together around rubric and texts; part of row keys."""
    message = [{"role": "user", "content": "P"}]
    forms = [
        build_score_message("R", message, "A", "0000"),  # type: ignore[arg-type]
        build_rank_message("R", message, ["A", "B"], "0000"),  # type: ignore[arg-type]
    ]
    return hashlib.sha256("\n".join(forms).encode()).hexdigest()[:16]


def choose_nonce(row: Mapping[str, Any], seed: int) -> str:
    """The block mark of a row: one that is in none of its texts, so that no text ends a block.

    Four hex digits, more after some attempts: a text may hold all marks of a length, none of all
    lengths.
    """
    texts = [*(message["content"] for message in row["messages"]), *row["generations"]]
    attempt = 0
    nonce = build_nonce(row["prompt_id"], seed)
    while any(f"{nonce}>>" in text for text in texts):
        attempt += 1
        marks = range(1 + attempt // _TRIES_PER_LENGTH)
        nonce = "".join(build_nonce(f"{row['prompt_id']}#{attempt + mark}", seed) for mark in marks)
    return nonce


def check_judgeable(row: Mapping[str, Any], at_least: int) -> None:
    """Refuses rows that hold too few responses.

    Raises:
        RequestRejected: the row has no responses (its own reason is given), or not enough.
    """
    if row["status"] != RowStatus.OK or not row["generations"]:
        raise RequestRejected(f"no responses: {row['reason'] or row['status']}")
    if len(row["generations"]) < at_least:
        raise RequestRejected(f"{len(row['generations'])} response: nothing to order")


def build_ranked_row(row: Mapping[str, Any], judge: str, key: str) -> dict[str, Any]:
    """A row of `RankedPrompt` in which no response is scored yet."""
    size = len(row["generations"])
    ranked: dict[str, Any] = dict.fromkeys(RankedPrompt.ARROW_SCHEMA.names)
    ranked |= {name: row[name] for name in _COPIED}
    for name in ("ratings", "ranks", "safety", "helpfulness"):
        ranked[name] = [None] * size
    return ranked | {
        "verdicts": [VerdictKind.UNSCORED.value] * size,
        "verdict_reasons": [UnscoredReason.ERROR.value] * size,
        "position_ranks": [],
        "judge": judge,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "status": RowStatus.UNSCORED.value,
        "key": key,
    }


def summarize_verdicts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Ratings, ranks, verdicts and status of a row from one verdict per response.

    Ranks are among the scored responses; equal ratings tie. A row is ok if two responses or its
    only one are scored.
    """
    values = [verdict.value for verdict in verdicts]
    scored = [value for value in values if value is not None]
    ranks = iter(compute_ranks(scored))
    placed = [None if value is None else next(ranks) for value in values]
    reasons = [verdict.reason.value if verdict.reason else None for verdict in verdicts]
    enough = len(scored) >= min(2, len(verdicts))
    worst = next((reason for reason in reasons if reason), None)
    return {
        "ratings": values,
        "ranks": placed,
        "verdicts": [_name_verdict(rank, placed) for rank in placed],
        "verdict_reasons": reasons,
        "status": (RowStatus.OK if enough else RowStatus.UNSCORED).value,
        "reason": None if enough else f"{worst}: {len(scored)} of {len(verdicts)} responses scored",
    }


def _name_verdict(rank: float | None, ranks: Sequence[float | None]) -> str:
    if rank is None:
        return VerdictKind.UNSCORED.value
    return (VerdictKind.TIE if ranks.count(rank) > 1 else VerdictKind.SCORED).value
