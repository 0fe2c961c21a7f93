"""Prompt ids: the hash of the conversation, or the id that the source gives, each once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from alignray.errors import SourceError
from alignray.records import Message

_DIGEST_BYTES = 8


def compute_prompt_id(messages: Sequence[Message]) -> str:
    """BLAKE2b over role, length and content of each message, 16 hex digits.

    Example: `user:2:Hi` for one message; the same on every machine and in every file.
    """
    text = "".join([f"{m['role']}:{len(m['content'])}:{m['content']}" for m in messages])
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


class PromptIds:
    """Hands out ids that are unique within a source; about 100 bytes of memory a row."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._repeats: dict[str, int] = {}

    def take_given(self, prompt_id: str, row: int, where: str) -> str:
        """Registers an id of the source.

        Raises:
            SourceError: an earlier row has it.
        """
        earlier = self._rows.setdefault(_shorten(prompt_id), row)
        if earlier != row:
            raise SourceError(
                where,
                f"prompt_id of row {row} is that of row {earlier} (rows from 0)",
                "unique ids",
                "make them unique or leave the column out",
            )
        return prompt_id

    def take_hash(self, messages: Sequence[Message], row: int) -> tuple[str, bool]:
        """The content hash, with `-2`, `-3`... where it occurred before, and whether it did."""
        base = prompt_id = compute_prompt_id(messages)
        while self._rows.setdefault(_shorten(prompt_id), row) != row:
            self._repeats[base] = self._repeats.get(base, 1) + 1
            prompt_id = f"{base}-{self._repeats[base]}"
        return prompt_id, prompt_id != base


def _shorten(prompt_id: str) -> int:
    # Two of a million ids share 60 bits by chance once in two million runs.
    digest = hashlib.blake2b(prompt_id.encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest, "big") >> 4
