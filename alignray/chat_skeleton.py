"""What a chat template makes of a sequence of roles, found out with marks in place of contents.

A template is a program: it may trim contents, put a system prompt of its own before them, print
them twice or not at all. Rendered once with a mark for every content, it shows where contents
stand and what is around them; rendered again with white space around the marks, it shows what it
trims. The result, a skeleton, holds only text of the template, so contents never meet a template
and can be tokenised apart from it (`alignray.chat`).

Not covered: templates that read contents and act on them (they see marks); control words that are
plain text, e.g. a literal `### Instruction`, which no tokenisation can tell from content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alignray.chat_templates import add_usual_bos
from alignray.errors import ChatError
from alignray.records import Message

Render = Callable[[Sequence[Message], bool], str]
"""(messages, add_generation_prompt) -> text, by the chat template."""

FALLBACK_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}"
    "{% elif message.role == 'assistant' %}{{ '\n\nAssistant: ' + message.content + eos_token }}"
    "{% else %}{{ '\n\nHuman: ' + message.content }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}"
)
DATE = "26 Jul 2024"
_MARK = '\u27eaqZ"<&{}>\u27eb'
_MARK_PATTERN = re.compile('\u27eaqZ"<&(\\d+)>\u27eb')
_PADS = ("\n", " ", "\v")
_ROLE_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


class ChatTemplate:
    """The template of a tokenizer, or the fallback.

    Attributes:
        text: the Jinja text.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        """Takes the template of a transformers tokenizer; `name` is what errors call it."""
        self.text = _choose_template(tokenizer)
        self._tokenizer = tokenizer
        self._name = name

    def render(self, messages: Sequence[Message], generation: bool) -> str:
        """The text of messages, with the prompt for an assistant's turn if `generation`.

        Dates are fixed.

        Raises:
            ChatError: the template refuses the messages.
        """
        from jinja2 import TemplateError

        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                chat_template=self.text,
                tokenize=False,
                add_generation_prompt=generation,
                date_string=DATE,
                strftime_now=lambda _: DATE,
            )
        except (TemplateError, TypeError, ValueError, IndexError) as error:
            roles = ", ".join(m["role"] for m in messages)
            raise ChatError(
                self._name, f"its chat template refuses the roles {roles} ({error})"
            ) from error
        return text


@dataclass(frozen=True)
class Slot:
    """A place where the content of a message stands."""

    message: int
    """Index of the message."""
    left: str | None
    """Characters that the template strips on the left (as for `str.lstrip`; None: white space)."""
    right: str | None
    """Characters that the template strips on the right."""

    def trim(self, content: str) -> str:
        """The content as the template would print it."""
        return content.lstrip(self.left).rstrip(self.right)


@dataclass(frozen=True)
class Skeleton:
    """Template text and slots in turn: `parts[0], slots[0], parts[1], ..., parts[-1]`.

    Example: `Skeleton(("<s>[INST] ", " [/INST]"), (Slot(0, None, None),))`.
    """

    parts: tuple[str, ...]
    slots: tuple[Slot, ...]


def build_skeleton(render: Render, messages: Sequence[Message], generation: bool) -> Skeleton:
    """The skeleton of messages; only roles and the emptiness of contents matter.

    An empty content is rendered as such, unless it is the assistant's, whose place is wanted.

    Args:
        render: the chat template.
        messages: the conversation.
        generation: whether the prompt for an assistant turn is added.

    Raises:
        ChatError: a role that is not a word; a template that drops or changes a content, or
            prints an assistant's more than once.
    """
    for message in messages:
        if not _ROLE_PATTERN.fullmatch(message["role"]):
            raise ChatError("messages", f"role {message['role'][:40]!r}", "a word such as `user`")
    wanted = [i for i, m in enumerate(messages) if m["content"] or m["role"] == "assistant"]
    parts, order = _render_marked(render, messages, wanted, generation, "")
    _check_order(messages, wanted, order)
    kept = [_find_kept_pads(render, messages, wanted, generation, pad, parts) for pad in _PADS]
    slots = [
        Slot(
            message,
            _choose_strip([pads[number][0] for pads in kept]),
            _choose_strip([pads[number][1] for pads in kept]),
        )
        for number, message in enumerate(order)
    ]
    return Skeleton(parts, tuple(slots))


def _render_marked(
    render: Render, messages: Sequence[Message], wanted: Sequence[int], generation: bool, pad: str
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Template parts around the marks, and the message index of each mark in print order."""
    marked: list[Message] = [
        {"role": m["role"], "content": f"{pad}{_MARK.format(i)}{pad}{pad}" if i in wanted else ""}
        for i, m in enumerate(messages)
    ]
    pieces = _MARK_PATTERN.split(render(marked, generation))
    return tuple(pieces[::2]), tuple(int(index) for index in pieces[1::2])


def _check_order(messages: Sequence[Message], wanted: Sequence[int], order: Sequence[int]) -> None:
    where = "chat template"
    missing = sorted(set(wanted) - set(order))
    if missing:
        role = messages[missing[0]]["role"]
        raise ChatError(
            where,
            f"drops or changes the content of message {missing[0]} ({role})",
            "every content printed as it is",
            "leave that message out, or use another template",
        )
    answers = [index for index in order if messages[index]["role"] == "assistant"]
    if answers != sorted(set(answers)):
        raise ChatError(where, "prints assistant messages twice or out of order", "once, in order")


def _find_kept_pads(
    render: Render,
    messages: Sequence[Message],
    wanted: Sequence[int],
    generation: bool,
    pad: str,
    bare: tuple[str, ...],
) -> list[tuple[bool, bool]]:
    """For each mark, whether the pad on its left and the two on its right were printed.

    One pad on the left and two on the right: the four outcomes differ in length whatever stands
    between two marks.
    """
    parts, _ = _render_marked(render, messages, wanted, generation, pad)
    if len(parts) != len(bare):
        raise _changed_by_white_space()
    left, right = [], []
    last = len(bare) - 1
    for number, (part, text) in enumerate(zip(parts, bare, strict=True)):
        rights = (True, False) if number > 0 else (False,)
        lefts = (True, False) if number < last else (False,)
        outcomes = [(r, w) for r in rights for w in lefts if 2 * r * pad + text + w * pad == part]
        if not outcomes:
            raise _changed_by_white_space()
        right.append(outcomes[0][0])
        left.append(outcomes[0][1])
    return list(zip(left[:-1], right[1:], strict=True))


def _changed_by_white_space() -> ChatError:
    return ChatError("chat template", "changes with white space around contents", "or trims it")


def _choose_strip(kept: Sequence[bool]) -> str | None:
    """The strip argument from whether each of `_PADS` was kept."""
    if not kept[_PADS.index("\v")]:
        return None
    return "".join(pad for pad, stays in zip(_PADS, kept, strict=True) if not stays)


def _choose_template(tokenizer: Any) -> str:
    """The tokenizer's default template, else the fallback, with a bos where one is usual."""
    if tokenizer.chat_template:
        template: str = tokenizer.get_chat_template()
        return template
    template = FALLBACK_TEMPLATE
    if tokenizer.eos_token is None:
        template = template.replace(" + eos_token", "")
    return add_usual_bos(template, tokenizer)
