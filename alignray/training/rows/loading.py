"""From the data sets of a configuration to encoded rows: shares, limits, long dialogues, mixture.

`fraction` takes the first rows of a data set in its own order, before anything is shuffled, and
counts all rows of the source, those that are no good among them. What is not taken, by `fraction`,
`max_rows`, `max_samples` or because a mixture ended, is counted apart from what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignray.config.training import DatasetPart, TrainingConfig
from alignray.errors import ChatError, SourceError
from alignray.records import Message
from alignray.sources import SourceAudit, split_dialogue, splits_long_dialogues
from alignray.training.method import Method, RowMethod
from alignray.training.policy import get_max_length, load_tokenizer
from alignray.training.rows.encoding import (
    EncodedRows,
    Limits,
    PartCounts,
    add_excluded,
    encode_rows,
    list_skipped,
)
from alignray.training.rows.mixture import Mixing, mix_rows

if TYPE_CHECKING:
    from alignray.chat import ChatTokenizer

Row = Mapping[str, Any]


def encode_mixture(
    config: TrainingConfig, method: Method, enough: int | None = None
) -> EncodedRows:
    """The rows to train on as token columns, bounded by max_length and the model's context.

    Args:
        config: the training.
        method: its method.
        enough: rows of each data set that suffice; all are read, but no more are encoded.

    Raises:
        SourceError: a data set is missing, empty, of the wrong shape, or its share is no row; or no
            row of it can be trained on.
    """
    parts = encode_parts(config, build_loader(config, method), enough)
    for rows, part in zip(parts, config.list_datasets(), strict=True):
        check_part(rows, part)
    return mix_rows(parts, build_mixing(config))


def encode_parts(
    config: TrainingConfig, loader: RowLoader, enough: int | None = None
) -> list[EncodedRows]:
    """The rows of each data set of a training, none more than max_samples or `enough` asks for."""
    encoded = []
    left = config.max_samples
    for part in config.list_datasets():
        rows = loader.encode(part, min((n for n in (left, enough) if n is not None), default=None))
        encoded.append(rows)
        if left is not None and config.mixing_strategy == "concatenate":
            left = max(0, left - len(rows.rows))
    return encoded


def build_mixing(config: TrainingConfig) -> Mixing:
    """How the data sets of a training are mixed."""
    chances = tuple(part.probability or 0.0 for part in config.list_datasets())
    return Mixing(config.mixing_strategy, chances, config.seed, config.max_samples)


def encode_dataset(
    config: TrainingConfig, method: Method, dataset: str, enough: int | None = None
) -> EncodedRows:
    """All rows of one data set as token columns, e.g. of eval_dataset; or as many as suffice."""
    encoded = build_loader(config, method).encode(DatasetPart(dataset=dataset), enough)
    return mix_rows([encoded], Mixing())


def build_loader(config: TrainingConfig, method: RowMethod) -> RowLoader:
    """The loader of a training's rows."""
    limits = Limits(get_max_length(config), config.truncation_mode)
    return RowLoader(method, load_tokenizer(config), limits)


@dataclass(frozen=True)
class RowLoader:
    """Reads and encodes the rows of data sets for one training."""

    method: RowMethod
    tokenizer: ChatTokenizer
    limits: Limits

    def encode(self, part: DatasetPart, most: int | None) -> EncodedRows:
        """The rows of a part that can be trained on, at most about `most`, and its books.

        Raises:
            SourceError: as `load_rows` of the method; a share that is no row.
        """
        reading = _Reading(self.method, part, most)
        encoded = EncodedRows()
        splits = splits_long_dialogues(part.dataset)
        for row in reading.take():
            pieces = self.split(row) if splits else [row]
            reading.pieces += len(pieces) - 1
            encode_rows(pieces, self._encode_row, encoded, part.weight, reading.taken - 1)
            reading.used = len(encoded.rows)
        add_excluded(encoded, reading.list_excluded())
        counts = PartCounts(
            part.dataset,
            rows=reading.audit.rows,
            pieces=reading.pieces,
            used=len(encoded.rows),
            skipped=encoded.num_skipped,
            not_taken=reading.audit.rows - reading.taken,
        )
        encoded.parts.append(counts)
        return encoded

    def split(self, row: Row) -> list[Row]:
        """The pieces of a row's dialogue that fit max_length, named `#1`, `#2`; else the row."""
        try:
            pieces = split_dialogue(row["messages"], self._count_tokens, self.limits.max_length)
        except ChatError:
            return [row]  # It is counted as unreadable when it is encoded.
        if len(pieces) == 1:
            return [row]
        names = (f"{row['source']}#{number}" for number in range(1, len(pieces) + 1))
        return [
            {**row, "messages": piece, "source": name}
            for piece, name in zip(pieces, names, strict=True)
        ]

    def _encode_row(self, row: Row) -> Any:
        return self.method.encode(row, self.tokenizer, self.limits)

    def _count_tokens(self, messages: list[Message]) -> int:
        return len(self.tokenizer.encode_dialogue(messages).input_ids)


class _Reading:
    """A part while it is read: how many rows of its source there are, and how many were taken."""

    def __init__(self, method: RowMethod, part: DatasetPart, most: int | None) -> None:
        self._method = method
        self._part = part
        self._most = most
        self.audit = SourceAudit()
        self.taken = 0
        """Rows of the source up to the last one that was looked at."""
        self.used = 0
        """Rows encoded so far; told by whoever encodes them."""
        self.pieces = 0

    def take(self) -> Iterator[Row]:
        """The rows that are wanted; the source is read to its end, to be counted."""
        bound = self._find_bound()
        is_open = True
        for row in self._method.load_rows(self._part.dataset, self.audit):
            is_full = self._most is not None and self.used >= self._most
            within = bound is None or self.audit.rows <= bound
            is_open = is_open and within and not is_full
            if is_open:
                self.taken = self.audit.rows
                yield row
        is_full = self._most is not None and self.used >= self._most
        if not is_full:  # The rows after the last good one are faulty.
            self.taken = self.audit.rows if bound is None else min(bound, self.audit.rows)

    def list_excluded(self) -> dict[str, list[int]]:
        """What the source left out among the rows taken."""
        excluded = {
            reason: [row for row in rows if row < self.taken]
            for reason, rows in self.audit.excluded.items()
        }
        return {reason: rows for reason, rows in excluded.items() if rows}

    def _find_bound(self) -> int | None:
        """The most rows of the source by fraction and max_rows; None for all.

        Raises:
            SourceError: the share is no row.
        """
        part = self._part
        if part.fraction == 1.0:
            return part.max_rows
        whole = SourceAudit()
        for _ in self._method.load_rows(part.dataset, whole):
            pass
        share = int(part.fraction * whole.rows)
        if share == 0 and part.fraction > 0:
            raise SourceError(
                part.dataset,
                f"fraction={part.fraction:g} of {whole.rows} rows is none",
                "at least one row",
                "raise its fraction",
            )
        return share if part.max_rows is None else min(share, part.max_rows)


def check_part(encoded: EncodedRows, part: DatasetPart) -> None:
    """Makes sure that a data set of a mixture gives something, unless none of it was wanted.

    Raises:
        SourceError: no row of it can be trained on.
    """
    if encoded.rows or not encoded.num_skipped:
        return
    raise SourceError(
        part.dataset,
        f"0 of {encoded.num_skipped} rows can be trained on ({list_skipped(encoded)})",
        "at least one",
        "raise max_length, or see alignray data check",
    )
