"""Tokens as text that shows which of them have a loss. Pure, but for the tokenizer that is given.

Kinds: `prompt` (no loss), `response` (loss), `control` (a control token, with or without loss) and
`truncated` (cut off by max_length). On a terminal they are dim, green, cyan and red; elsewhere
responses stand in `{+ +}`, what is cut in `{- -}` and control tokens in `[[ ]]`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["prompt", "response", "control", "truncated"]

_WINDOW = 8
_UNFINISHED = "\ufffd"
_COLOURS = {"prompt": "2", "response": "32", "control": "36", "truncated": "31"}
_MARKS = {"prompt": ("", ""), "response": ("{+", "+}"), "truncated": ("{-", "-}")}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LEGEND: tuple[tuple[str, Kind, bool], ...] = (
    ("without loss, ", "prompt", False),
    ("with loss", "response", True),
    (", ", "prompt", False),
    ("control token", "control", False),
    (", ", "prompt", False),
    ("cut off", "truncated", False),
)


@dataclass(frozen=True)
class Piece:
    """One token.

    Example: `Piece(" Paris", "response", True)`.
    """

    text: str
    kind: Kind
    loss: bool


@dataclass(frozen=True)
class TokenSequence:
    """Tokens in a row, each with or without loss."""

    ids: Sequence[int]
    loss: Sequence[bool]


def build_pieces(
    whole: TokenSequence, kept: TokenSequence | None, tokenizer: Any, control_ids: Collection[int]
) -> list[Piece]:
    """All tokens of a row as pieces.

    Args:
        whole: the row before it was cut.
        kept: what is left of it, a part without gaps; None for a row that is left out.
        tokenizer: a transformers tokenizer.
        control_ids: its control tokens.
    """
    start, end = (0, len(whole.ids)) if kept is None else find_slice(whole.ids, kept.ids)
    loss = [False] * len(whole.ids)
    loss[start:end] = whole.loss[start:end] if kept is None else kept.loss
    pieces = []
    for at, text in enumerate(decode_each(whole.ids, tokenizer)):
        kind: Kind = "response" if loss[at] else "prompt"
        if not start <= at < end:
            kind = "truncated"
        elif whole.ids[at] in control_ids:
            kind = "control"
        pieces.append(Piece(text, kind, bool(loss[at])))
    return pieces


def find_slice(whole: Sequence[int], part: Sequence[int]) -> tuple[int, int]:
    """Where a part without gaps stands in the whole: its first position, and that after its last.

    Raises:
        ValueError: it does not.
    """
    whole, part = list(whole), list(part)
    for start in range(len(whole) - len(part) + 1):
        if whole[start : start + len(part)] == part:
            return start, start + len(part)
    raise ValueError("the tokens kept are no part of the row")


def decode_each(ids: Sequence[int], tokenizer: Any) -> list[str]:
    """The text that each token adds to those before it.

    A character of several tokens comes with the last of them; the others are empty.
    """
    texts, pending = [], 0
    for at in range(len(ids)):
        start = max(0, at - _WINDOW - pending)
        before = _decode(ids[start : at - pending], tokenizer)
        text = _decode(ids[start : at + 1], tokenizer)
        added = text.removeprefix(before)
        is_last = at == len(ids) - 1
        if added.endswith(_UNFINISHED) and pending < 3 and not is_last:
            texts.append("")
            pending += 1
        else:
            texts.append(added)
            pending = 0
    return texts


def render_pieces(pieces: Sequence[Piece], *, colour: bool) -> str:
    """The pieces as one text, coloured or with marks; what could steer a terminal is escaped."""
    runs = itertools.groupby(pieces, key=lambda piece: (piece.kind, piece.loss))
    shown = [(kind, loss, list(run)) for (kind, loss), run in runs]
    if colour:
        return "".join(_colour(kind, loss, run) for kind, loss, run in shown)
    return _mark(pieces)


def render_legend(*, colour: bool) -> str:
    """What colours or marks mean."""
    return render_pieces([Piece(*entry) for entry in _LEGEND], colour=colour)


def escape(text: str) -> str:
    """The text without characters that a terminal acts on, but for line ends and tabs."""
    return _UNPRINTABLE.sub(lambda match: ascii(match.group())[1:-1], text)


def _colour(kind: Kind, loss: bool, run: Sequence[Piece]) -> str:
    code = _COLOURS[kind] + (";1" if kind == "control" and loss else "")
    return f"\x1b[{code}m{escape(''.join(piece.text for piece in run))}\x1b[0m"


def _mark(pieces: Sequence[Piece]) -> str:
    """Runs in their marks; a control token with a loss stands within those of the response."""
    parts = []
    for group, run in itertools.groupby(pieces, key=_choose_marks):
        texts = [
            f"[[{escape(piece.text)}]]" if piece.kind == "control" else escape(piece.text)
            for piece in run
        ]
        parts.append(group[0] + "".join(texts) + group[1])
    return "".join(parts)


def _choose_marks(piece: Piece) -> tuple[str, str]:
    if piece.kind == "control":
        return _MARKS["response" if piece.loss else "prompt"]
    return _MARKS[piece.kind]


def _decode(ids: Sequence[int], tokenizer: Any) -> str:
    text: str = tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return text
