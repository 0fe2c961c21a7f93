"""ShareGPT and Evol-Instruct conversations, long ones split between turns (`sharegpt:PATH`).

Real dumps break the form: conversations without turns, that begin with the assistant or end with
a question. What comes before the first user turn (but a system prompt) and after the last answer
is left out and noted; a conversation with nothing left, or with two turns of one role in a row, is
left out and counted. The split itself counts tokens, so it is done where rows are encoded
(`split_dialogue`): AmberChat's, at 2,048 tokens, is `max_length: 2048`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from alignray.records import Message
from alignray.sources.audit import SourceAudit, check_any_kept
from alignray.sources.dialogues import read_conversation
from alignray.sources.rows import SourceRow, open_rows
from alignray.sources.source import Source, SourceRequest

NO_EXCHANGE, REPEATED_ROLE, TRIMMED = "no_exchange", "repeated_role", "trimmed_turns"


def trim_dialogue(messages: Sequence[Message]) -> list[Message]:
    """System prompt, then from the first user turn to the last answer; empty if there is none."""
    system = [m for m in messages[:1] if m["role"] == "system"]
    turns = messages[len(system) :]
    first = next((i for i, turn in enumerate(turns) if turn["role"] == "user"), len(turns))
    answers = [i for i, turn in enumerate(turns) if _is_answer(turn) and i > first]
    return [*system, *turns[first : answers[-1] + 1]] if answers else []


def split_dialogue(
    messages: Sequence[Message], count_tokens: Callable[[list[Message]], int], max_tokens: int
) -> list[list[Message]]:
    """The dialogue in pieces of whole exchanges, each as long as max_tokens allows.

    Every piece begins with the system prompt, if there is one. An exchange that is too long by
    itself is a piece of its own, and is left out or cut like any other long row.

    Args:
        messages: a dialogue that ends with an answer.
        count_tokens: length of messages as a row, with the template.
        max_tokens: longest piece.
    """
    if count_tokens(list(messages)) <= max_tokens:
        return [list(messages)]
    system = [m for m in messages[:1] if m["role"] == "system"]
    pieces: list[list[Message]] = []
    for exchange in _list_exchanges(messages[len(system) :]):
        longer = [*pieces[-1], *exchange] if pieces else []
        if longer and count_tokens(longer) <= max_tokens:
            pieces[-1] = longer
        else:
            pieces.append([*system, *exchange])
    return pieces


def _list_exchanges(turns: Sequence[Message]) -> Iterator[list[Message]]:
    """What begins with a user turn and ends before the next one."""
    starts = [
        i
        for i, turn in enumerate(turns)
        if i == 0 or (turn["role"] == "user" and turns[i - 1]["role"] != "user")
    ]
    for start, end in itertools.pairwise([*starts, len(turns)]):
        yield list(turns[start:end])


def build_conversations(rows: Iterator[SourceRow], audit: SourceAudit) -> Iterator[list[Message]]:
    """The conversations of the rows, trimmed.

    Raises:
        SourceError: unknown columns, a wrong type, no row left.
    """
    kept = 0
    for number, row in enumerate(rows):
        audit.rows += 1
        whole = read_conversation(row)
        messages = trim_dialogue(whole)
        fault = _find_fault(messages)
        if fault:
            audit.exclude(number, (fault,))
            continue
        audit.note(number, (TRIMMED,) if len(messages) < len(whole) else ())
        yield messages
        kept += 1
    check_any_kept(kept, audit)


def _find_fault(messages: Sequence[Message]) -> str:
    if not messages:
        return NO_EXCHANGE
    repeats = any(a["role"] == b["role"] for a, b in itertools.pairwise(messages))
    return REPEATED_ROLE if repeats else ""


def _is_answer(turn: Message) -> bool:
    return turn["role"] == "assistant" and bool(turn["content"].strip())


def _load_dialogues(request: SourceRequest) -> Iterator[list[Message]]:
    rows = open_rows(request.name, revision=request.revision)
    return build_conversations(rows, request.audit)


SHAREGPT_SOURCE = Source(dialogues=_load_dialogues, long_dialogues="split")
