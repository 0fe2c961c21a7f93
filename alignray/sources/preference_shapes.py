"""Rows that hold a preference: TRL's forms, prompt explicit or implicit, texts or messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignray.errors import SourceError
from alignray.records import Message
from alignray.sources.hh_rlhf import DialoguePair, is_dialogue, split_common_prefix
from alignray.sources.messages import check_prompt, check_text, describe_columns, parse_messages
from alignray.sources.prompt_shapes import PROMPT_SHAPES, get_column, read_known_prompt
from alignray.sources.rows import SourceRow

_EXPECTED = "chosen and rejected, with or without prompt"
_PAIR_COLUMNS = (
    ("chosen", "rejected"),
    ("chosen_messages", "rejected_messages"),
    ("response_j", "response_k"),
)
"""The better answer first. `response_j` and `response_k` are stack-exchange-paired's."""

_OWN_SOURCES = {
    "is_response_0_safe": "pku-saferlhf",
    "human_ref_A": "shp",
    "answers": "stack-exchange",
}
"""Column -> the source that reads such rows, because a rule chooses the better answer."""


@dataclass(frozen=True)
class _Answers:
    """The two columns of a row, both texts or both message lists."""

    chosen: Any
    rejected: Any
    names: tuple[str, str]


def read_preference(row: SourceRow) -> DialoguePair:
    """The prompt and the two answers of a row; faults name what makes the pair useless.

    An explicit prompt is taken as it is, and left out of answers that repeat it. Without one, it is
    the turns that both message lists share, or (texts, as TRL does) their common prefix.

    Raises:
        SourceError: no such columns, wrong types, no prompt, text and messages mixed.
    """
    answers = _find_answers(row)
    texts = [isinstance(value, str) for value in (answers.chosen, answers.rejected)]
    if texts[0] != texts[1]:
        raise SourceError(row.where, "one answer a text, the other messages", "the same for both")
    pair = _read_texts(row, answers) if texts[0] else _read_messages(row, answers)
    return DialoguePair(
        check_prompt(pair.prompt, row.where), pair.chosen, pair.rejected, find_faults(pair)
    )


def _find_answers(row: SourceRow) -> _Answers:
    for names in _PAIR_COLUMNS:
        chosen, rejected = (row.values.get(name) for name in names)
        if chosen is not None and rejected is not None:
            return _Answers(chosen, rejected, names)
    raise SourceError(
        row.where, describe_columns(row.values), _EXPECTED, suggest_prefix(row.values)
    )


def suggest_prefix(values: Mapping[str, Any]) -> str:
    """What to do about a row of a data set that has a source of its own."""
    for column, prefix in _OWN_SOURCES.items():
        if column in values:
            return f"name it {prefix}:PATH"
    return ""


def _read_texts(row: SourceRow, answers: _Answers) -> DialoguePair:
    chosen = check_text(answers.chosen, row.where, answers.names[0])
    rejected = check_text(answers.rejected, row.where, answers.names[1])
    prompt = _read_explicit_prompt(row)
    if prompt is None:
        if is_dialogue(chosen):
            raise SourceError(row.where, "a dialogue beside another kind of text", "two dialogues")
        split = split_common_prefix(chosen, rejected)
        prompt = [{"role": "user", "content": split.prompt}]
        chosen, rejected = split.chosen, split.rejected
    elif is_dialogue(row.values.get("prompt")):
        chosen, rejected = chosen.strip(), rejected.strip()
    return DialoguePair(prompt, _answer(chosen), _answer(rejected), ())


def _read_messages(row: SourceRow, answers: _Answers) -> DialoguePair:
    chosen = parse_messages(answers.chosen, row.where, answers.names[0])
    rejected = parse_messages(answers.rejected, row.where, answers.names[1])
    shared = _count_shared(chosen, rejected)
    prompt = _read_explicit_prompt(row)
    if prompt is None or (shared and chosen[0]["role"] != "assistant"):
        # Hub sets such as ultrafeedback_binarized repeat the prompt in both message lists.
        return DialoguePair(chosen[:shared], chosen[shared:], rejected[shared:], ())
    return DialoguePair(prompt, chosen, rejected, ())


def _count_shared(chosen: list[Message], rejected: list[Message]) -> int:
    """Turns at the start that are the same, but never the last turn of either list."""
    limit = min(len(chosen), len(rejected)) - 1
    return next((i for i in range(limit) if chosen[i] != rejected[i]), limit)


def _read_explicit_prompt(row: SourceRow) -> list[Message] | None:
    if get_column(row.values, *PROMPT_SHAPES) is None:
        return None
    return read_known_prompt(row)


def _answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def find_faults(pair: DialoguePair) -> tuple[str, ...]:
    """Every way in which a pair is no good."""
    checks = {
        "empty_chosen": _is_blank(pair.chosen),
        "empty_rejected": _is_blank(pair.rejected),
        "chosen_is_no_answer": not _is_answer(pair.chosen),
        "rejected_is_no_answer": not _is_answer(pair.rejected),
        "identical_answers": pair.chosen == pair.rejected,
    }
    return tuple(name for name, broken in checks.items() if broken)


def _is_blank(messages: list[Message]) -> bool:
    return not messages or not messages[-1]["content"].strip()


def _is_answer(messages: list[Message]) -> bool:
    return (
        bool(messages)
        and messages[0]["role"] == "assistant"
        and messages[-1]["role"] == "assistant"
    )
