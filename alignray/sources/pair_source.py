"""Sources whose rows hold answers and marks, from which a rule makes pairs.

A rule (`pku_saferlhf.py`, `shp.py`, `stack_exchange.py`) says which pairs a row gives and which of
them are of no use, and why. This module makes of it what a source has: prompts, preferences, and
dialogues to train on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from alignray.errors import SourceError
from alignray.records import Message
from alignray.sources.audit import SourceAudit, check_any_kept
from alignray.sources.hh_rlhf import DialoguePair
from alignray.sources.messages import describe_columns
from alignray.sources.preference_shapes import find_faults
from alignray.sources.preferences import build_preferences
from alignray.sources.prompt_ids import compute_prompt_id
from alignray.sources.prompts import build_prompts
from alignray.sources.rows import SourceRow, open_rows
from alignray.sources.source import Source, SourceRequest

OVERRULED = "not_the_answer_chosen_for_its_prompt"
Targets = Literal["all", "last", "best"]


@dataclass(frozen=True)
class TextPair:
    """One pair of a row.

    Example: `TextPair("How are you?", "Well.", "Go away.", 12.0, 3.0)`.
    """

    prompt: str
    chosen: str
    rejected: str
    score_chosen: float | None = None
    score_rejected: float | None = None
    fault: str | None = None
    """Why it is no good as a pair, where its rule says so."""


@dataclass(frozen=True)
class PairRule:
    """How rows become pairs, and which chosen answers are trained on (SFT)."""

    read: Callable[[SourceRow], Iterator[TextPair]]
    read_prompt: Callable[[SourceRow], str]
    targets: Targets = "all"
    """Every chosen answer, or one for each prompt: the last, or that of the highest score."""
    select: Callable[[SourceRequest, Iterator[SourceRow]], Iterator[SourceRow]] | None = None
    """The part of the rows that is meant, if not all."""

    def open(self, request: SourceRequest) -> Iterator[SourceRow]:
        """The rows of the source."""
        rows = open_rows(request.name, revision=request.revision)
        return rows if self.select is None else self.select(request, rows)

    def open_pairs(self, request: SourceRequest) -> Iterator[SourceRow]:
        """The pairs of the source, as rows."""
        return (pair for row in self.open(request) for pair in self._list_pairs(row))

    def _list_pairs(self, row: SourceRow) -> Iterator[SourceRow]:
        pairs = list(self.read(row))
        for number, pair in enumerate(pairs):
            label = f"#{number + 1}" if len(pairs) > 1 else ""
            yield SourceRow(dataclasses.asdict(pair), row.where + label, row.source + label)


def build_pair_source(rule: PairRule) -> Source:
    """A source for the registry."""
    return Source(
        prompts=lambda request: build_prompts(
            rule.open(request), lambda row: _read_prompt(rule, row), request.audit
        ),
        preferences=lambda request: build_preferences(
            rule.open_pairs(request), read_pair, request.audit
        ),
        dialogues=lambda request: _build_dialogues(rule, request),
    )


def read_pair(row: SourceRow) -> DialoguePair:
    """A pair of texts as messages, with every reason against it."""
    values = row.values
    pair = DialoguePair(
        [{"role": "user", "content": values["prompt"]}],
        [{"role": "assistant", "content": values["chosen"]}],
        [{"role": "assistant", "content": values["rejected"]}],
        (),
    )
    if values["fault"]:
        return dataclasses.replace(pair, faults=(values["fault"],))
    faults = () if values["prompt"].strip() else ("empty_prompt",)
    return dataclasses.replace(pair, faults=(*faults, *find_faults(pair)))


def get_number(row: SourceRow, column: str) -> float:
    """The number in a column.

    Raises:
        SourceError: none there.
    """
    value = row.values.get(column)
    if isinstance(value, int | float):
        return float(value)
    found = describe_columns(row.values) if value is None else f"`{column}` is not a number"
    raise SourceError(row.where, found, f"a number in {column}")


def _read_prompt(rule: PairRule, row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
    text = rule.read_prompt(row)
    return [{"role": "user", "content": text}], () if text.strip() else ("empty_prompt",)


def _build_dialogues(rule: PairRule, request: SourceRequest) -> Iterator[list[Message]]:
    """The dialogues of the chosen answers, in order; overruled ones are listed in the audit."""
    targets = None
    if rule.targets != "all":
        targets = find_targets(rule.open_pairs(request), rule.targets)
    return build_target_dialogues(rule.open_pairs(request), targets, request.audit)


def find_targets(pairs: Iterable[SourceRow], targets: Targets) -> set[int]:
    """The positions of the pairs whose chosen answer stands for its prompt.

    Memory grows with the number of prompts, not with their length.
    """
    best: dict[str, tuple[float, int]] = {}
    for number, row in enumerate(pairs):
        pair = read_pair(row)
        if pair.faults:
            continue
        prompt = compute_prompt_id(pair.prompt)
        score = number if targets == "last" else row.values["score_chosen"]
        if prompt not in best or score > best[prompt][0]:
            best[prompt] = (score, number)
    return {number for _, number in best.values()}


def build_target_dialogues(
    pairs: Iterable[SourceRow], targets: set[int] | None, audit: SourceAudit
) -> Iterator[list[Message]]:
    """Prompt and chosen answer of the pairs at these positions, or of all.

    Raises:
        SourceError: a wrong type, no pair left.
    """
    kept = 0
    for number, row in enumerate(pairs):
        audit.rows += 1
        pair = read_pair(row)
        faults = pair.faults
        if not faults and targets is not None and number not in targets:
            faults = (OVERRULED,)
        if faults:
            audit.exclude(number, faults)
            continue
        yield [*pair.prompt, *pair.chosen]
        kept += 1
    check_any_kept(kept, audit)
