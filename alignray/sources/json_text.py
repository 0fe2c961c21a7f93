"""JSON in and out: rows of any layout as a stream, and the compact form that rows are kept in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alignray.errors import SourceError

MAX_VALUE_CHARS = 64 * 1024 * 1024
"""Longest single value of a JSON file; a broken file is found out before it fills the memory."""

_READ_CHARS = 1 << 20
_SPACE = " \t\r\n"

# NaN and Infinity are not JSON; pandas writes them for missing numbers.
_decoder = json.JSONDecoder(parse_constant=lambda _: None)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def encode_compact(value: Any) -> str:
    """Compact JSON that is always valid UTF-8 (lone surrogates stay escaped)."""
    text = _encode(value)
    return text if is_encodable(text) else _encode_ascii(value)


def is_encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON may smuggle in lone surrogates, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_json(text: str, path: Path, line: int) -> Any:
    """The JSON value on one line of a file; NaN and Infinity become null.

    Raises:
        SourceError: the text is not JSON.
    """
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        found = f"not JSON ({error.msg} at column {error.pos + 1})"
        raise SourceError(f"{path}:{line}", found, "one JSON value a line") from error
    except RecursionError as error:
        raise SourceError(f"{path}:{line}", "JSON nested too deeply", "a row of columns") from error


def read_json_values(pieces: Iterator[str], where: str) -> Iterator[Any]:
    """The elements of a JSON array, or top-level values one after the other, as a stream.

    Args:
        pieces: the text in pieces of any size.
        where: the file, for errors.

    Raises:
        SourceError: the text is not JSON, with the row (from 0) at which it breaks.
    """
    text = _Window(pieces)
    is_array = text.peek() == "["
    if is_array:
        text.position += 1
    row = 0
    while text.peek() not in ("", "]"):
        yield _parse_value(text, f"{where}:row {row}")
        row += 1
        if is_array and not _step_over_comma(text):
            break
    _check_end(text, is_array, f"{where}:row {row}")


class _Window:
    """The part of a text that is in memory, and the position read next."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.buffer = ""
        self.position = 0

    def grow(self) -> bool:
        """Reads on by as much as is there (so no text is read often); False at the end."""
        wanted = max(_READ_CHARS, len(self.buffer) - self.position)
        parts = [self.buffer[self.position :]]
        length = 0
        for piece in self._pieces:
            parts.append(piece)
            length += len(piece)
            if length >= wanted:
                break
        self.buffer, self.position = "".join(parts), 0
        return length > 0

    def peek(self) -> str:
        """The next character that is not white space, at `position`; empty at the end."""
        while True:
            while self.position < len(self.buffer):
                character = self.buffer[self.position]
                if character not in _SPACE:
                    return character
                self.position += 1
            if not self.grow():
                return ""


def _parse_value(text: _Window, where: str) -> Any:
    while True:
        try:
            value, text.position = _decoder.raw_decode(text.buffer, text.position)
            return value
        except json.JSONDecodeError as error:
            too_long = len(text.buffer) - text.position > MAX_VALUE_CHARS
            if too_long or not text.grow():
                raise SourceError(
                    where, f"not JSON ({error.msg})", "a JSON array of rows"
                ) from error
        except RecursionError as error:
            raise SourceError(where, "JSON nested too deeply", "a row of columns") from error


def _step_over_comma(text: _Window) -> bool:
    if text.peek() != ",":
        return False
    text.position += 1
    return True


def _check_end(text: _Window, is_array: bool, where: str) -> None:
    if is_array and text.peek() == "]":
        text.position += 1
    elif is_array:
        raise SourceError(where, "an array that does not end", "a JSON array of rows")
    if text.peek() != "":
        raise SourceError(where, "more text after the last value", "a JSON array of rows")
