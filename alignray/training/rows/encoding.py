"""Rows of messages -> rows of token ids, every row left out counted with its reason.

Pure: no files, no models. A method (`sft.py`, `dpo.py`) says how one row becomes columns of token
ids; this module applies it to all rows, keeps the books, and fills the last batch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alignray.errors import SourceError

TokenColumns = dict[str, list[int]]
"""One encoded row: column name -> token ids or labels."""

Row = dict[str, Any]
"""One row as a trainer takes it: token columns, `length` (tokens), `names` (of the rows in it)."""

TruncationMode = Literal["none", "keep_start", "keep_end"]

IGNORED = -100
"""Label of a token without loss."""

TOO_LONG = "too_long"
NO_RESPONSE = "no_response"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Skipped:
    """Why a row is not trained on."""

    reason: str


@dataclass(frozen=True)
class Limits:
    """What a row may be: `max_length` in tokens, and what becomes of a longer one."""

    max_length: int
    truncation_mode: TruncationMode


@dataclass(frozen=True)
class PartCounts:
    """The books of one data set: rows + pieces = used + skipped + not_taken."""

    dataset: str
    rows: int
    """Rows of the source."""
    pieces: int = 0
    """Rows more, because long dialogues became several."""
    used: int = 0
    skipped: int = 0
    """Left out, with a reason each."""
    not_taken: int = 0
    """Not asked for: beyond a fraction, a maximum or the end of the mixture."""
    repeated: int = 0
    """How often a row was taken again (interleaving)."""


@dataclass
class EncodedRows:
    """All rows of a data set, encoded. Rows in = used + skipped, by construction."""

    rows: list[TokenColumns] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Names of the rows, in their order."""
    weights: list[float] = field(default_factory=list)
    """Weights of the rows in the loss, in their order."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> names of the rows left out, in order."""
    truncated: int = 0
    """Rows that were cut to max_length."""
    cut: set[int] = field(default_factory=set)
    """Positions of these rows."""
    repeated: int = 0
    """Entries of `rows` that are there a second time, or more often."""
    parts: list[PartCounts] = field(default_factory=list)
    """The books of each data set."""

    @property
    def num_used(self) -> int:
        """Different rows that are trained on."""
        return len(self.rows) - self.repeated

    @property
    def num_skipped(self) -> int:
        """Rows left out, over all reasons."""
        return sum(len(names) for names in self.skipped.values())

    def skip(self, reason: str, name: str) -> None:
        """Notes a row that is left out."""
        self.skipped.setdefault(reason, []).append(name)

    def summarize(self, examples: int = 20) -> dict[str, Any]:
        """Counts and the first names per reason, for metrics.json."""
        reasons = {
            reason: {"rows": len(names), "first": names[:examples]}
            for reason, names in sorted(self.skipped.items())
        }
        return {
            "rows_in": self.num_used + self.num_skipped,
            "rows_used": self.num_used,
            "rows_mixed_again": self.repeated,
            "rows_truncated": self.truncated,
            "skipped": reasons,
            "parts": [asdict(part) for part in self.parts],
        }


def encode_rows(
    rows: Iterable[Mapping[str, Any]],
    encode_row: Callable[[Mapping[str, Any]], tuple[TokenColumns, bool] | Skipped],
    encoded: EncodedRows,
    weight: float = 1.0,
    first: int = 0,
) -> None:
    """Encodes all rows; `encode_row` gives (columns, was cut) or the reason to leave a row out.

    Args:
        rows: the rows.
        encode_row: the method's encoding.
        encoded: takes them.
        weight: their weight in the loss.
        first: position of the first of them, by which rows without id are named.
    """
    for index, row in enumerate(rows, start=first):
        result = encode_row(row)
        if isinstance(result, Skipped):
            encoded.skip(result.reason, name_row(row, index))
        else:
            columns, was_cut = result
            if was_cut:
                encoded.cut.add(len(encoded.rows))
            encoded.rows.append(columns)
            encoded.names.append(name_row(row, index))
            encoded.weights.append(weight)
            encoded.truncated += was_cut


def add_excluded(encoded: EncodedRows, excluded: Mapping[str, list[int]]) -> None:
    """Adds the rows that the source left out, each once, under its first reason."""
    named: dict[int, str] = {}
    for reason, rows in excluded.items():
        for row in rows:
            named.setdefault(row, reason)
    for row, reason in sorted(named.items()):
        encoded.skip(reason, f"row {row}")


def name_row(row: Mapping[str, Any], index: int) -> str:
    """How a row is named in reports: by its prompt id, else its source, else its position."""
    return str(row.get("prompt_id") or row.get("source") or f"row {index}")


def list_skipped(encoded: EncodedRows) -> str:
    """The rows left out by reason, e.g. `2 too_long, 1 no_response`."""
    return ", ".join(f"{len(names)} {reason}" for reason, names in encoded.skipped.items())


def check_rows(
    encoded: EncodedRows, num_sequences: int, dataset: str, train_batch_size: int
) -> None:
    """Makes sure that there is something to train on.

    Raises:
        SourceError: no usable row, or fewer sequences (rows, unless packed) than a global batch.
    """
    used = len(encoded.rows)
    if num_sequences >= train_batch_size:
        return
    counts = list_skipped(encoded)
    found = f"{used} of {used + encoded.num_skipped} rows can be trained on"
    if num_sequences < used:
        found += f" in {num_sequences} packed sequences"
    raise SourceError(
        dataset,
        f"{found} ({counts})" if counts else found,
        f"at least one global batch (train_batch_size={train_batch_size})",
        "lower train_batch_size, raise max_length, or give more rows",
    )


def count_fill_rows(num_rows: int, train_batch_size: int) -> int:
    """Rows that are missing from the last global batch of an epoch."""
    return -num_rows % train_batch_size


def fill_last_batch(rows: list[Row], train_batch_size: int, seed: int) -> list[Row]:
    """Repeats a seeded choice of rows until whole global batches are there.

    Frameworks fill, drop or shrink the last batch, each in its own way and depending on the number
    of workers. With whole global batches, what is trained does not depend on where.
    """
    missing = count_fill_rows(len(rows), train_batch_size)
    return rows + random.Random(seed).sample(rows, missing)
