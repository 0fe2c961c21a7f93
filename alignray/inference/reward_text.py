r"""How a prompt and a response become the token ids that a reward model reads, once per answer.

- `pair`: `tokenizer(prompt, response)`, as OpenAssistant's reward models take it. A prompt of one
  user turn is its text; one of several is written `Human: ...\n\nAssistant: ...`, the form in which
  reference system 2 stores its prompts.
- `chat`: the dialogue in the model's chat template (`alignray.chat`), without a prompt after it.
- `hh`: `\n\nHuman: ...\n\nAssistant: ...` in one text, as Anthropic's HH-RLHF writes it.

Control tokens written out in a text (`[SEP]`) are text here: a response cannot end its own part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignray.chat import ChatTokenizer
from alignray.config.judge_engines import RewardEngineConfig
from alignray.errors import ChatError, ModelError
from alignray.inference.engine import RequestRejected
from alignray.models import resolve_model
from alignray.records import Message

TEXT_VERSION = 1
"""Part of row keys: raised when the same texts become other ids."""

_SPEAKERS = {"user": "Human", "assistant": "Assistant"}


@dataclass(frozen=True)
class RewardText:
    """The ids of prompt and response, and which of the two each id belongs to (0 or 1).

    Example: `RewardText([1, 2001, 2, 2002, 2], [0, 0, 0, 1, 1])`.
    """

    ids: list[int]
    types: list[int]


class RewardTokenizer:
    """Turns dialogues that end with the assistant's response into ids."""

    def __init__(self, config: RewardEngineConfig) -> None:
        """Loads the tokenizer.

        Raises:
            ModelError: there is none, or it cannot be read.
        """
        self._form = config.form
        self._cut = {"truncation": True, "max_length": config.max_length} if config.truncate else {}
        self._max_length = config.max_length
        self._tokenizer = _load_tokenizer(config)
        self._chat: ChatTokenizer | None = None
        if config.form == "chat":
            self._chat = ChatTokenizer(self._tokenizer, config.model_name_or_path)

    @property
    def pad_token_id(self) -> int | None:
        """The tokenizer's padding token, if it has one."""
        pad: int | None = self._tokenizer.pad_token_id
        return pad

    def encode(self, messages: Sequence[Message]) -> RewardText:
        """The ids of a dialogue, at most `max_length`.

        Raises:
            RequestRejected: `prompt_too_long`, `empty` or what the template cannot render.
        """
        if self._chat is not None:
            text = self._encode_chat(self._chat, messages)
        elif self._form == "hh":
            text = self._encode_texts(write_turns(messages))
        else:
            text = self._encode_texts(write_prompt(messages[:-1]), messages[-1]["content"])
        if not text.ids:
            raise RequestRejected("empty")
        if len(text.ids) > self._max_length:
            raise RequestRejected("prompt_too_long")
        return text

    def _encode_texts(self, *texts: str) -> RewardText:
        """One text or two, with the tokenizer's control tokens; cut as the tokenizer cuts."""
        encoded = self._tokenizer(
            *texts,
            split_special_tokens=True,
            return_token_type_ids=True,
            verbose=False,
            **self._cut,
        )
        return RewardText(list(encoded["input_ids"]), list(encoded["token_type_ids"]))

    def _encode_chat(self, chat: ChatTokenizer, messages: Sequence[Message]) -> RewardText:
        try:
            ids = chat.encode_dialogue(messages).input_ids
        except ChatError as error:
            raise RequestRejected("the chat template cannot render it") from error
        if self._cut:
            ids = ids[: self._max_length]
        return RewardText(ids, [0] * len(ids))


def _load_tokenizer(config: RewardEngineConfig) -> Any:
    from transformers import AutoTokenizer

    name = config.model_name_or_path
    try:
        return AutoTokenizer.from_pretrained(
            resolve_model(name), revision=config.model_revision, trust_remote_code=False
        )
    except Exception as error:  # transformers raises many kinds for a file it cannot use
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            name, f"no tokenizer that transformers can load ({line[:200]})", "tokenizer.json"
        ) from error


def write_prompt(messages: Sequence[Message]) -> str:
    """The prompt as the first text of a pair: a single user turn as it is, else turn by turn."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return write_turns(messages).lstrip("\n")


def write_turns(messages: Sequence[Message]) -> str:
    """A dialogue in HH-RLHF's form; what has another role stands without a speaker."""
    parts = []
    for message in messages:
        speaker = _SPEAKERS.get(message["role"])
        parts.append(f"{speaker}: {message['content']}" if speaker else message["content"])
    return "".join(f"\n\n{part}" for part in parts)
