"""Conversations as they are found in files -> lists of `Message`: OpenAI, ShareGPT, TRL forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.errors import SourceError
from alignray.records import Message
from alignray.sources.json_text import is_encodable

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
"""Names of speakers in public files -> the three roles of this project."""


def parse_messages(value: Any, where: str, column: str) -> list[Message]:
    """A list of messages, or a single one, with `role`/`content` or `from`/`value`.

    Raises:
        SourceError: another type, an unknown role, content that is not text, an empty list.
    """
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise SourceError(where, f"`{column}` is {_name_type(value)}", "a list of messages")
    return [_parse_message(item, where, f"{column}[{i}]") for i, item in enumerate(items)]


def _parse_message(item: Any, where: str, place: str) -> Message:
    if not isinstance(item, Mapping):
        raise SourceError(
            where, f"`{place}` is {_name_type(item)}", "an object with role and content"
        )
    content = item.get("content")
    if content is None:
        content = item.get("value")
    name = item.get("role") or item.get("from")
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise SourceError(where, f"`{place}` has an unknown role", f"one of {', '.join(ROLES)}")
    if isinstance(content, list):
        content = "".join(_parse_part(part, where, place) for part in content)
    return {"role": role, "content": check_text(content, where, place)}


def _parse_part(part: Any, where: str, place: str) -> str:
    """One part of a content list: `{"type": "text", "text": ...}`, or the same with `value`."""
    if isinstance(part, Mapping) and part.get("type", "text") == "text":
        text = part.get("text") if part.get("text") is not None else part.get("value")
        if isinstance(text, str):
            return text
    raise SourceError(where, f"`{place}` has a part that is not text", "text parts alone")


def check_text(value: Any, where: str, column: str) -> str:
    """The value, if it is a text that can be stored.

    Raises:
        SourceError: another type, or a lone surrogate in it.
    """
    if not isinstance(value, str):
        raise SourceError(where, f"`{column}` is {_name_type(value)}", "a text")
    if not value.isascii() and not is_encodable(value):
        raise SourceError(where, f"`{column}` holds half a surrogate pair", "valid Unicode")
    return value


def check_prompt(messages: list[Message], where: str) -> list[Message]:
    """The messages, if they end with something that a user said.

    Raises:
        SourceError: the last turn is not the user's, or blank.
    """
    if not messages or messages[-1]["role"] != "user":
        raise SourceError(where, "a conversation that does not end with a user turn", "a prompt")
    if not messages[-1]["content"].strip():
        raise SourceError(where, "an empty prompt", "text")
    return messages


def drop_last_answer(messages: list[Message]) -> list[Message]:
    """The messages without the last turn, if that is the assistant's."""
    return messages[:-1] if messages and messages[-1]["role"] == "assistant" else messages


def describe_columns(values: Mapping[str, Any]) -> str:
    """The columns of a row for an error; what may be text of a headerless file is not quoted."""
    names = [
        name if len(name) <= 40 and name.count(" ") <= 3 else f"<text of {len(name)} characters>"
        for name in map(str, values)
    ]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"columns {shown}" if names else "a row without columns"


def _name_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        "str": "a text",
        "list": "an empty list" if value == [] else "a list",
        "dict": "an object",
    }
    return names.get(type(value).__name__, f"of type {type(value).__name__}")
