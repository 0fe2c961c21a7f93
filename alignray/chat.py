"""Messages -> token ids and loss mask; the only place that touches a chat template.

Template text (found by `chat_skeleton.py`) and contents are tokenised apart (by
`chat_encoder.py`). Template text may hold control tokens; contents, whoever wrote them, never do.
(`apply_chat_template` on joined text lets a user, or a model, write `<|eot_id|>` and end a turn.)

For contents without such text the ids are those of `apply_chat_template(tokenize=True)`, but for
tokens that would merge across a border of template and content. One space at the end of template
text goes to the content after it, as vocabularies keep the space with the word. Dates in templates
are fixed, so that a run tomorrow equals today's.

Tokenizers without a chat template get `chat_skeleton.FALLBACK_TEMPLATE`, the form of HH-RLHF.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.chat_encoder import TextEncoder
from alignray.chat_skeleton import DATE, ChatTemplate, Skeleton, build_skeleton
from alignray.chat_templates import fit_chat_template, resolve_chat_template
from alignray.errors import ChatError, ModelError
from alignray.models import resolve_model
from alignray.records import Message

ENCODING_VERSION = 1
"""Part of row keys: raised when messages become other ids than before."""
_MAX_SKELETONS = 1024


@dataclass(frozen=True)
class TokenizedDialogue:
    """A dialogue as tokens; both lists have the same length.

    Example: `input_ids=[1, 733, 9, 2], loss_mask=[0, 0, 1, 1]`.
    """

    input_ids: list[int]
    loss_mask: list[int]
    """1 on the tokens of assistant contents and on the end of turn after them."""


@dataclass(frozen=True)
class _EncodedPart:
    """A template part as tokens, and how it meets its neighbours."""

    ids: list[int]
    ending: int
    """Tokens up to and with the first control token: the end of the turn before; 0 if none."""
    handed: str
    """The space at its end that goes to the content after it, or nothing."""
    context: str
    """The last of its text that `ids` stand for."""


class ChatTokenizer:
    """A tokenizer with its chat template.

    Attributes:
        tokenizer: the transformers tokenizer.
        stop_token_ids: the tokens that end an assistant's turn.
        control_ids: the tokens that no content may encode to.
        template_digest: hash of template, control tokens and rules; part of row keys.
    """

    def __init__(self, tokenizer: Any, name: str = "tokenizer") -> None:
        """Wraps a transformers tokenizer; `name` is what errors call it."""
        self.tokenizer = tokenizer
        self._name = name
        self._template = ChatTemplate(tokenizer, name)
        self._encoder = TextEncoder(tokenizer, self._template.text, name)
        self.control_ids = self._encoder.control_ids
        self._encoded: dict[tuple[Any, ...], tuple[Skeleton, list[_EncodedPart]]] = {}
        self.stop_token_ids = self._find_stop_token_ids()
        rules = [
            ENCODING_VERSION,
            DATE,
            self._template.text,
            sorted(self._encoder.controls.items()),
        ]
        named = [tokenizer.bos_token_id, tokenizer.eos_token_id]
        text = json.dumps([*rules, *named], ensure_ascii=False)
        self.template_digest = hashlib.sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def load(
        cls, name_or_path: str, revision: str = "main", *, chat_template: str | None = None
    ) -> ChatTokenizer:
        """Loads the tokenizer of a model, an adapter or a directory with a tokenizer alone.

        Args:
            name_or_path: the model, adapter or directory.
            revision: revision on the hub.
            chat_template: name, file or Jinja text of a template, instead of the tokenizer's own.

        Raises:
            ModelError: there is none, or it cannot be read.
            ConfigError, ChatError: no such template, or one that the tokenizer lacks tokens for.
        """
        from transformers import AutoTokenizer

        path = Path(name_or_path).expanduser()
        has_tokenizer = (path / "tokenizer_config.json").is_file()
        source = str(path) if has_tokenizer else resolve_model(name_or_path)
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                source, revision=revision, trust_remote_code=False
            )
        except Exception as error:  # transformers raises many kinds for a file it cannot use
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                name_or_path,
                f"no tokenizer that transformers can load ({line[:200]})",
                "tokenizer.json or tokenizer.model, and tokenizer_config.json",
            ) from error
        if chat_template is not None:
            text = resolve_chat_template(chat_template)
            tokenizer.chat_template = fit_chat_template(text, tokenizer, name_or_path)
        return cls(tokenizer, name_or_path)

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a conversation, with the template's prompt for the assistant's turn.

        Raises:
            ChatError: the template cannot render the messages, or cannot do so safely.
        """
        return self._encode(messages, generation=True)[0]

    def encode_dialogue(self, messages: Sequence[Message]) -> TokenizedDialogue:
        """The ids of a whole dialogue and what of them an assistant wrote.

        Where the template ends the last assistant turn without a control token, eos is added, and
        what the template printed after the content counts as the assistant's.

        Raises:
            ChatError: as `encode_prompt`; or nothing can end the last turn.
        """
        ids, mask, _ = self._encode(messages, generation=False)
        return TokenizedDialogue(ids, mask)

    def encode_preference(
        self, prompt_messages: Sequence[Message], completion_messages: Sequence[Message]
    ) -> tuple[list[int], list[int]]:
        """Prompt ids and completion ids; a completion ends with its end of turn.

        Where the template gives a dialogue another start than a prompt (e.g. an empty thought),
        the prompt is what stands before the completion in the dialogue.

        Raises:
            ChatError: as `encode_dialogue`; or the completion does not begin with the assistant.
        """
        if not completion_messages or completion_messages[0]["role"] != "assistant":
            raise ChatError("completion", "no assistant message first", "an assistant message")
        ids, mask, starts = self._encode([*prompt_messages, *completion_messages], generation=False)
        end = len(mask) - mask[::-1].index(1)
        prompt = self.encode_prompt(prompt_messages)
        if ids[: len(prompt)] != prompt:
            prompt = ids[: starts[len(prompt_messages)]]
        return prompt, ids[len(prompt) : end]

    def encode_content(self, text: str) -> list[int]:
        """The ids of text by itself, without any control token.

        Raises:
            ChatError: a control token of a single character is in the text.
        """
        return self._encoder.encode_content(text, "")

    def encode_response(self, text: str) -> list[int]:
        """The ids of text as the first of an assistant's turn, e.g. of a verdict's label."""
        dialogue: list[Message] = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": text},
        ]
        skeleton, parts = self._get_encoded(dialogue, generation=False)
        before = parts[[slot.message for slot in skeleton.slots].index(1)]
        return self._encoder.encode_content(before.handed + text, before.context)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without control tokens."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _encode(
        self, messages: Sequence[Message], generation: bool
    ) -> tuple[list[int], list[int], dict[int, int]]:
        """Ids, loss mask, and message index -> position of its first token."""
        skeleton, parts = self._get_encoded(messages, generation)
        ids = list(parts[0].ids)
        mask = [0] * len(ids)
        starts = {}
        for slot, before, after in zip(skeleton.slots, parts[:-1], parts[1:], strict=True):
            message = messages[slot.message]
            content = before.handed + slot.trim(message["content"])
            starts[slot.message] = len(ids)
            ids += self._encoder.encode_content(content, before.context)
            answer = message["role"] == "assistant"
            mask += [int(answer)] * (len(ids) - len(mask))
            ids += after.ids
            mask += [1] * (after.ending * answer)
            mask += [0] * (len(ids) - len(mask))
        if not generation and messages[-1]["role"] == "assistant" and not parts[-1].ending:
            ids.append(self._get_eos_token_id())
            mask[len(mask) - len(parts[-1].ids) :] = [1] * (len(parts[-1].ids) + 1)
        return ids, mask, starts

    def _get_eos_token_id(self) -> int:
        if self.tokenizer.eos_token_id is None:
            raise ChatError(
                self._name, "no eos token, and the template does not end a turn", "one of the two"
            )
        return int(self.tokenizer.eos_token_id)

    def _get_encoded(
        self, messages: Sequence[Message], generation: bool
    ) -> tuple[Skeleton, list[_EncodedPart]]:
        """The skeleton of these roles with its parts encoded, made once."""
        for index, message in enumerate(messages):
            if not isinstance(message["content"], str):
                found_type = type(message["content"]).__name__
                raise ChatError(f"message {index}", f"content of type {found_type}", "a string")
        key = (generation, *((m["role"], bool(m["content"])) for m in messages))
        found = self._encoded.get(key)
        if found is None:
            if len(self._encoded) >= _MAX_SKELETONS:
                self._encoded.clear()
            found = self._encoded[key] = self._encode_skeleton(messages, generation)
        return found

    def _encode_skeleton(
        self, messages: Sequence[Message], generation: bool
    ) -> tuple[Skeleton, list[_EncodedPart]]:
        if not messages:
            raise ChatError("messages", "none", "at least one")
        skeleton = build_skeleton(self._template.render, messages, generation)
        parts = []
        for number, text in enumerate(skeleton.parts):
            handed = ""
            if number < len(skeleton.slots) and text.endswith(" "):
                handed = self._choose_handed(messages, skeleton.slots[number].message, text)
            kept = text[: len(text) - len(handed)]
            ids = self._encoder.encode_part(kept, "\n" if number else "")
            ends = (i for i, token in enumerate(ids, start=1) if token in self._encoder.control_ids)
            context = self._encoder.cut_tail(kept)
            parts.append(_EncodedPart(ids, next(ends, 0), handed, context))
        return skeleton, parts

    def _choose_handed(self, messages: Sequence[Message], message: int, text: str) -> str:
        """The space that goes to the content, but for one that the generation prompt ends with."""
        if self._encoder.swallows_space(text):
            return ""
        if messages[message]["role"] == "assistant":
            try:
                prompt = build_skeleton(self._template.render, messages[:message], generation=True)
            except ChatError:
                return " "
            return "" if prompt.parts[-1] == text else " "
        return " "

    def _find_stop_token_ids(self) -> list[int]:
        """The eos token, and the token that ends an assistant's turn where it is another one."""
        found = {self.tokenizer.eos_token_id} - {None}
        dialogue: list[Message] = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "?"},
        ]
        try:
            _, parts = self._get_encoded(dialogue, generation=False)
        except ChatError:
            return sorted(found)
        if parts[-1].ending:
            found.add(parts[-1].ids[parts[-1].ending - 1])
        return sorted(found)
