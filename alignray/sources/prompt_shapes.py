"""Row shapes that hold a prompt: a table of columns, tried in order, each with its reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from alignray.errors import SourceError
from alignray.records import Message
from alignray.sources.hh_rlhf import ASSISTANT, is_dialogue, parse_turns
from alignray.sources.messages import check_text, describe_columns, drop_last_answer, parse_messages
from alignray.sources.rows import SourceRow

T = TypeVar("T")
PromptReader = Callable[[SourceRow, str], list[Message]]


def find_shape(row: SourceRow, shapes: Mapping[str, T]) -> tuple[str, T]:
    """The first known column of a row (in any letter case) as it is spelt there, and its reading.

    Raises:
        SourceError: the row has none of them.
    """
    values = row.values
    for column, shape in shapes.items():
        if values.get(column) is not None:
            return column, shape
    spelt = {str(name).lower(): name for name in values if values[name] is not None}
    for column, shape in shapes.items():
        if column in spelt:
            return spelt[column], shape
    raise SourceError(row.where, describe_columns(values), f"one of {', '.join(shapes)}")


def get_column(values: Mapping[str, Any], *names: str) -> Any:
    """The first of the named columns that holds something, or None."""
    for name in names:
        value = values.get(name)
        if value is not None:
            return value
    return None


def parse_prompt_text(value: str) -> list[Message]:
    """A prompt as messages: one user turn, or a dialogue that ends with `Assistant:`."""
    if is_dialogue(value) and value.rstrip().endswith(ASSISTANT):
        return parse_turns(value.rstrip().removesuffix(ASSISTANT))
    return [{"role": "user", "content": value}]


def add_system_prompt(row: SourceRow, messages: list[Message]) -> list[Message]:
    """The messages behind the system prompt that the row has in a column of its own, if any."""
    system = get_column(row.values, "system_prompt", "system")
    if system is None or (messages and messages[0]["role"] == "system"):
        return messages
    content = check_text(system, row.where, "system_prompt")
    return [{"role": "system", "content": content}, *messages] if content.strip() else messages


def _read_prompt_column(row: SourceRow, column: str) -> list[Message]:
    value = row.values[column]
    if isinstance(value, list):
        return drop_last_answer(parse_messages(value, row.where, column))
    return parse_prompt_text(check_text(value, row.where, column))


def _read_conversation(row: SourceRow, column: str) -> list[Message]:
    return drop_last_answer(parse_messages(row.values[column], row.where, column))


def _read_instruction(row: SourceRow, column: str) -> list[Message]:
    """Alpaca and Dolly: the instruction, and what it is about below a blank line."""
    text = check_text(row.values[column], row.where, column)
    about = get_column(row.values, "input", "context")
    if about is not None and check_text(about, row.where, "input").strip():
        text = f"{text}\n\n{about}"
    return [{"role": "user", "content": text}]


def _read_text(row: SourceRow, column: str) -> list[Message]:
    return [{"role": "user", "content": check_text(row.values[column], row.where, column)}]


PROMPT_SHAPES: dict[str, PromptReader] = {
    "prompt": _read_prompt_column,
    "messages": _read_conversation,
    "conversations": _read_conversation,
    "instruction": _read_instruction,
    "question": _read_text,
    "goal": _read_text,
    "behavior": _read_text,
}
"""Column -> how it is read. `goal` is AdvBench's, `behavior` HarmBench's."""


def read_known_prompt(
    row: SourceRow, shapes: Mapping[str, PromptReader] = PROMPT_SHAPES
) -> list[Message]:
    """The prompt of a row by the first known column, behind its system prompt if it has one.

    Raises:
        SourceError: the row has none of them, or a wrong type.
    """
    column, read = find_shape(row, shapes)
    return add_system_prompt(row, read(row, column))
