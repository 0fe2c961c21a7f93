"""PandaLM's test set with three annotators' labels, and judges' verdicts on it (arXiv 2306.05087).

`testset-v1.json`: `[{idx, annotator1, annotator2, annotator3, ...}]` (its README also says
`index`, `label_0` to `label_2`); labels 1, 2, or 0 for a tie. `<judge>-testset-v1.json`:
`[{idx, <judge>_result, ...}]` with 1, 2, 0 or `Tie`, and `garbage` for a reply that the publisher
could not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import strip_suffixes
from alignray.evaluation.formats.labels import Table, read_ids, read_label

CLASSES = ("0", "1", "2")
_VOTES = re.compile(r"annotator[_ ]?[0-9]+|label_[0-9]+", re.IGNORECASE)
_RESULT = re.compile(r".+_result|result|evaluation_result", re.IGNORECASE)
_UNREAD = ("garbage",)
_LABELS = {"0": "0", "1": "1", "2": "2", "tie": "0"}


@dataclass(frozen=True)
class Verdicts:
    """One judge's verdicts by id; None for a reply that was not read."""

    judge: str
    by_id: dict[str, str | None]


def is_gold(table: Table) -> bool:
    """Whether a file has annotators' labels."""
    return len([name for name in table.columns if _VOTES.fullmatch(name)]) >= 2


def is_verdicts(table: Table) -> bool:
    """Whether a file has a judge's results."""
    return any(_RESULT.fullmatch(name) for name in table.columns)


def read_votes(table: Table) -> dict[str, list[str | None]]:
    """The annotators' labels by id.

    Raises:
        SourceError: a label other than 0, 1, 2 or tie; an id there twice.
    """
    columns = [name for name in table.columns if _VOTES.fullmatch(name)]
    return {
        id_: [_read(where, row, column, ()) for column in columns]
        for id_, (where, row) in zip(read_ids(table), table.rows, strict=True)
    }


def read_verdicts(table: Table) -> Verdicts:
    """A judge's verdicts by id.

    Raises:
        SourceError: as `read_votes`; two columns of results.
    """
    columns = [name for name in table.columns if _RESULT.fullmatch(name)]
    if len(columns) != 1:
        raise SourceError(str(table.path), f"result columns {', '.join(columns)}", "one of them")
    name = strip_suffixes(table.path)
    judge = re.sub(r"[-_]?testset.*", "", name) or name
    verdicts = {
        id_: _read(where, row, columns[0], _UNREAD)
        for id_, (where, row) in zip(read_ids(table), table.rows, strict=True)
    }
    return Verdicts(judge, verdicts)


def _read(where: str, row: dict[str, object], column: str, unread: tuple[str, ...]) -> str | None:
    label = read_label(where, row, column)
    if label is None or label in unread:
        return None
    if label not in _LABELS:
        expected = "0, 1, 2 or tie" + "".join(f", {word}" for word in unread)
        raise SourceError(where, f"`{column}` is no verdict", expected)
    return _LABELS[label]
