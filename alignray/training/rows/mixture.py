"""Several data sets as one: which rows, in which order, how often. Pure.

`concatenate` puts one after the other. Interleaving draws the data set that the next row comes from
by its probability, as `datasets.interleave_datasets` does, to the draw: numpy's default generator,
blocks of 1,000 draws. Under `first_exhausted` the mixture ends with the last row of whichever data
set ends first; under `all_exhausted` shorter ones begin again until each has ended once.

`max_samples` cuts the mixture after that many rows. The order in which rows are visited in training
is another matter (`batching.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from alignray.errors import SourceError
from alignray.training.rows.encoding import EncodedRows

MixingStrategy = Literal["concatenate", "first_exhausted", "all_exhausted"]
_DRAWS = 1000


@dataclass(frozen=True)
class Mixing:
    """How data sets are mixed.

    Example: `Mixing("first_exhausted", (0.7, 0.3), seed=42, max_samples=None)`.
    """

    strategy: MixingStrategy = "concatenate"
    probabilities: tuple[float, ...] = ()
    """Chance of each data set, summing to 1; unused by `concatenate`."""
    seed: int = 0
    max_samples: int | None = None


def mix_rows(parts: Sequence[EncodedRows], mixing: Mixing) -> EncodedRows:
    """The rows of all parts as one data set, with the books of each part.

    Raises:
        SourceError: a part without a row is to be interleaved.
    """
    picks = order_mixture([len(part.rows) for part in parts], mixing)
    mixed = EncodedRows()
    for number, row in picks:
        part = parts[number]
        mixed.rows.append(part.rows[row])
        mixed.names.append(part.names[row])
        mixed.weights.append(part.weights[row])
    distinct = set(picks)
    mixed.repeated = len(picks) - len(distinct)
    mixed.truncated = sum(row in parts[number].cut for number, row in distinct)
    for number, part in enumerate(parts):
        used = sum(number == of for of, _ in distinct)
        drawn = sum(number == of for of, _ in picks)
        counts = part.parts[0]
        left = len(part.rows) - used
        mixed.parts.append(
            replace(counts, used=used, repeated=drawn - used, not_taken=counts.not_taken + left)
        )
        for reason, names in part.skipped.items():
            mixed.skipped.setdefault(reason, []).extend(names)
    return mixed


def order_mixture(lengths: Sequence[int], mixing: Mixing) -> list[tuple[int, int]]:
    """The rows of the mixture as (data set, row of it), in order.

    Raises:
        SourceError: a data set without rows is to be interleaved.
    """
    if mixing.strategy == "concatenate":
        picks = [(number, row) for number, length in enumerate(lengths) for row in range(length)]
    else:
        picks = interleave(lengths, mixing)
    return picks[: mixing.max_samples]


def interleave(lengths: Sequence[int], mixing: Mixing) -> list[tuple[int, int]]:
    """As `order_mixture`, by probability and without max_samples."""
    if 0 in lengths:
        number = lengths.index(0)
        raise SourceError(
            f"dataset_mixture.{number}",
            "a data set without rows cannot be interleaved",
            "at least one row",
            "leave it out, or set mixing_strategy=concatenate",
        )
    generator = np.random.default_rng(mixing.seed)
    drawn = [0] * len(lengths)
    picks: list[tuple[int, int]] = []
    is_over = any if mixing.strategy == "first_exhausted" else all
    while True:
        for number in generator.choice(len(lengths), size=_DRAWS, p=mixing.probabilities):
            picks.append((int(number), drawn[number] % lengths[number]))
            drawn[number] += 1
            if is_over(count >= length for count, length in zip(drawn, lengths, strict=True)):
                return picks
