"""Text -> token ids, such that contents never encode to control tokens.

Control tokens are those that the tokenizer flags as special, and added tokens that the chat
template prints. Where the text of one occurs in a content, it is cut after its first character
and the pieces are encoded one by one; ids are checked afterwards.

Some tokenizers put a space before whatever they take for the start of a text. There a piece is
encoded behind an anchor, the text before it, whose ids are then taken off.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from alignray.errors import ChatError

_CONTEXT_CHARS = 16


class TextEncoder:
    """A tokenizer that tells template text from contents.

    Attributes:
        controls: control tokens, id -> text.
        control_ids: those of them that no content may encode to (all but the unknown token).
    """

    def __init__(self, tokenizer: Any, template: str, name: str) -> None:
        """Wraps a transformers tokenizer; `name` is what errors call it."""
        self._tokenizer = tokenizer
        self._name = name
        self._backend = _copy_backend(tokenizer)
        self.controls = _find_controls(tokenizer, template)
        longest_first = sorted(self.controls.values(), key=len, reverse=True)
        self._control_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self.control_ids = self.controls.keys() - _find_unknown_ids(tokenizer, self._backend)
        self._anchored = self._needs_anchor()

    def encode_part(self, text: str, context: str) -> list[int]:
        """The ids of template text that follows `context`, control tokens among them.

        An empty context stands for the start of the whole text.
        """
        if not text:
            return []
        if not self._anchored or not context:
            return self._encode_raw(text)
        for anchor in (context, "\n", "x", "1"):
            head = self._encode_raw(anchor)
            ids = self._encode_raw(anchor + text)
            if head and ids[: len(head)] == head:
                return ids[len(head) :]
        return self._encode_raw(text)

    def encode_content(self, text: str, context: str) -> list[int]:
        """The ids of a content that follows `context`, without any control token.

        Raises:
            ChatError: a control token that cannot be cut (one character) is in the text.
        """
        if not self._control_pattern.search(text):
            ids = self.encode_part(text, context)
            if self.control_ids.isdisjoint(ids):
                return ids
        ids = []
        for piece in self._cut_controls(text):
            found = self.encode_part(piece, context)
            if not self.control_ids.isdisjoint(found):  # e.g. made by a normaliser
                found = [i for character in piece for i in self.encode_part(character, context)]
            ids += found
            context = "\n"
        if not self.control_ids.isdisjoint(ids):
            raise ChatError(
                self._name, "a content encodes to a control token whatever is tried", "text alone"
            )
        return ids

    def cut_tail(self, text: str) -> str:
        """The end of template text that decides how what follows is encoded."""
        start = max(0, len(text) - _CONTEXT_CHARS)
        for control in self._control_pattern.finditer(text):
            if control.end() > start:
                start = control.start()
        return text[start:]

    def swallows_space(self, text: str) -> bool:
        """Whether the space at the end of template text is part of a control token before it."""
        return self._encode_raw(text) == self._encode_raw(text[:-1])

    def _cut_controls(self, text: str) -> list[str]:
        """The text in pieces, none of which holds the text of a control token (of 2 or more)."""
        pieces, start = [], 0
        while match := self._control_pattern.search(text, start):
            pieces.append(text[start : match.start() + 1])
            start = match.start() + 1
        return [*pieces, text[start:]]

    def _encode_raw(self, text: str) -> list[int]:
        """Ids with control tokens recognised and none added."""
        if self._backend is not None:
            ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
            return ids
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _needs_anchor(self) -> bool:
        """Whether the start of a text is encoded unlike its middle (a metaspace put before it)."""
        apart = self._encode_raw("Hello")
        for anchor in ("\n", *list(self._tokenizer.get_added_vocab())[:1]):
            if self._encode_raw(anchor + "Hello") != self._encode_raw(anchor) + apart:
                return True
        return False


def _copy_backend(tokenizer: Any) -> Any:
    """The Rust tokenizer behind a fast one: a copy, as padding and truncation are its state."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    backend = copy.deepcopy(tokenizer.backend_tokenizer)
    backend.no_padding()
    backend.no_truncation()
    return backend


def _find_controls(tokenizer: Any, template: str) -> dict[int, str]:
    """Control tokens, id -> text: those flagged special, and added ones the template prints."""
    controls = {
        token_id: str(token.content)
        for token_id, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content in template and not token.content.isspace())
    }
    named = zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True)
    controls |= {token_id: str(text) for token_id, text in named}
    return {token_id: text for token_id, text in controls.items() if text}


def _find_unknown_ids(tokenizer: Any, backend: Any) -> set[int]:
    """The unknown token's id, which plain text may give, unless it also begins or ends texts."""
    unknown = {tokenizer.unk_token_id}
    name = getattr(backend.model, "unk_token", None) if backend is not None else None
    if name:
        unknown.add(backend.token_to_id(name))
    return unknown - {None, tokenizer.bos_token_id, tokenizer.eos_token_id}
