"""Rows -> `Prompt` records: the conversation, its id, subset, category, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from alignray.records import Message, Prompt
from alignray.sources.audit import SourceAudit, check_any_kept
from alignray.sources.json_text import encode_compact
from alignray.sources.labels import read_category, read_label, read_subset
from alignray.sources.messages import check_prompt, parse_messages
from alignray.sources.preference_shapes import read_preference
from alignray.sources.prompt_ids import PromptIds
from alignray.sources.prompt_shapes import PROMPT_SHAPES, PromptReader, read_known_prompt
from alignray.sources.rows import SourceRow

RowReader = Callable[[SourceRow], tuple[list[Message], tuple[str, ...]]]
"""A row's prompt, and the faults for which it is left out (none for most sources)."""


def build_prompts(
    rows: Iterable[SourceRow], read: RowReader, audit: SourceAudit, *, keep_faulty: bool = False
) -> Iterator[Prompt]:
    """The prompts of a source in order, numbered from 0 over those that are kept.

    Args:
        rows: the source.
        read: how a row is read, e.g. `read_prompt`.
        audit: counts the rows, and lists those with faults by their position in the source.
        keep_faulty: keep rows with faults, and only note them.

    Raises:
        SourceError: unknown columns, a wrong type, an empty prompt, an id twice, no row left.
    """
    ids = PromptIds()
    position = 0
    for number, row in enumerate(rows):
        audit.rows += 1
        messages, faults = read(row)
        if faults and not keep_faulty:
            audit.exclude(number, faults)
            continue
        audit.note(number, faults)
        prompt_id, is_repeat = take_prompt_id(row, number, messages, ids)
        if is_repeat:
            audit.repeated.append(number)
        yield _build_prompt(row, position, prompt_id, messages)
        position += 1
    check_any_kept(position, audit)


def read_prompt(row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
    """The conversation that a row asks to go on with, ending with a user turn; never a fault.

    Raises:
        SourceError: no known column, a wrong type, an empty prompt.
    """
    if is_own_row(row.values):
        messages = parse_messages(row.values["messages"], row.where, "messages")
        return check_prompt(messages, row.where), ()
    return check_prompt(read_known_prompt(row, _ROW_SHAPES), row.where), ()


def _read_implicit(row: SourceRow, column: str) -> list[Message]:
    """Preference pairs without a prompt column: what both answers share."""
    return read_preference(row).prompt


_ROW_SHAPES: dict[str, PromptReader] = {
    **PROMPT_SHAPES,
    "chosen": _read_implicit,
    "chosen_messages": _read_implicit,
}


def is_own_row(values: Mapping[str, Any]) -> bool:
    """Whether a row was written by this project: it keeps its source and its original row."""
    return (
        values.get("original") is not None
        and values.get("messages") is not None
        and values.get("source") is not None
        and values.get("prompt_id") is not None
    )


def take_prompt_id(
    row: SourceRow, number: int, messages: list[Message], ids: PromptIds
) -> tuple[str, bool]:
    """The id that the row gives or the hash of its messages, and whether that content came before.

    Raises:
        SourceError: an earlier row has the same given id.
    """
    given = read_label(row, "prompt_id", "id")
    if given is None:
        return ids.take_hash(messages, number)
    return ids.take_given(given, number, row.where), False


def _build_prompt(row: SourceRow, position: int, prompt_id: str, messages: list[Message]) -> Prompt:
    own = is_own_row(row.values)
    return Prompt(
        row=position,
        prompt_id=prompt_id,
        messages=messages,
        subset=read_subset(row),
        category=read_category(row),
        source=row.values["source"] if own else row.source,
        original=row.values["original"] if own else row.text or encode_compact(row.values),
    )
