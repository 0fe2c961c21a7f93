"""Rows -> conversations to train on (SFT): messages, prompt and completion, alpaca, text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from alignray.errors import SourceError
from alignray.records import Message
from alignray.sources.audit import SourceAudit, check_any_kept
from alignray.sources.hh_rlhf import is_dialogue, parse_turns
from alignray.sources.messages import check_text, describe_columns, parse_messages
from alignray.sources.preference_shapes import suggest_prefix
from alignray.sources.prompt_shapes import (
    PROMPT_SHAPES,
    add_system_prompt,
    get_column,
    read_known_prompt,
)
from alignray.sources.rows import SourceRow

_ANSWER_COLUMNS = ("completion", "chosen", "response", "output", "answer", "response_j")

DialogueReader = Callable[[SourceRow], tuple[list[Message], tuple[str, ...]]]


def build_dialogues(
    rows: Iterable[SourceRow], read: DialogueReader, audit: SourceAudit
) -> Iterator[list[Message]]:
    """The conversations of a source in order, each ending with an assistant turn.

    Raises:
        SourceError: unknown columns, a wrong type, no row left.
    """
    kept = 0
    for number, row in enumerate(rows):
        audit.rows += 1
        messages, faults = read(row)
        if faults:
            audit.exclude(number, faults)
            continue
        yield messages
        kept += 1
    check_any_kept(kept, audit)


def read_dialogue(row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
    """A row's conversation, and why it cannot be trained on.

    Raises:
        SourceError: no known columns, or a wrong type.
    """
    messages = _read_messages(row)
    last = messages[-1] if messages else None
    if last is None or last["role"] != "assistant":
        return messages, ("no_final_answer",)
    if not last["content"].strip():
        return messages, ("empty_answer",)
    return messages, ()


def read_conversation(row: SourceRow) -> list[Message]:
    """The whole conversation in a row's `conversations` or `messages`; may be empty.

    Raises:
        SourceError: no such column, or a wrong type.
    """
    whole = get_column(row.values, "conversations", "messages", "conversation")
    if whole is None:
        found = describe_columns(row.values)
        raise SourceError(row.where, found, "conversations or messages")
    return [] if whole == [] else add_system_prompt(row, parse_messages(whole, row.where, "turns"))


def _read_messages(row: SourceRow) -> list[Message]:
    values = row.values
    whole = get_column(values, "messages", "conversations")
    if whole is not None:
        return add_system_prompt(row, parse_messages(whole, row.where, "messages"))
    answer = get_column(values, *_ANSWER_COLUMNS)
    if answer is None:
        return _read_text(row)
    if isinstance(answer, list) and get_column(values, *PROMPT_SHAPES) is None:
        return _read_answer(row, answer)
    return [*read_known_prompt(row), *_read_answer(row, answer)]


def _read_answer(row: SourceRow, answer: object) -> list[Message]:
    if isinstance(answer, list | dict):
        return parse_messages(answer, row.where, "completion")
    return [{"role": "assistant", "content": check_text(answer, row.where, "completion")}]


def _read_text(row: SourceRow) -> list[Message]:
    """TRL's language-modelling form: a dialogue of HH-RLHF's form, or a text that is all answer."""
    text = get_column(row.values, "text")
    if text is None:
        raise SourceError(
            row.where,
            describe_columns(row.values),
            "messages, conversations, text, or a prompt column with one of "
            + ", ".join(_ANSWER_COLUMNS),
            suggest_prefix(row.values),
        )
    content = check_text(text, row.where, "text")
    if is_dialogue(content):
        return parse_turns(content)
    return [{"role": "assistant", "content": content}]
