"""Rows -> `Preference` records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from alignray.errors import SourceError
from alignray.records import Preference
from alignray.sources.audit import SourceAudit, check_any_kept
from alignray.sources.hh_rlhf import DialoguePair
from alignray.sources.labels import read_category, read_label, read_subset
from alignray.sources.prompt_ids import compute_prompt_id
from alignray.sources.rows import SourceRow

PairReader = Callable[[SourceRow], DialoguePair]


def build_preferences(
    rows: Iterable[SourceRow], read: PairReader, audit: SourceAudit, *, keep_faulty: bool = False
) -> Iterator[Preference]:
    """The preferences of a source in order.

    Args:
        rows: the source.
        read: how a row is read, e.g. `read_preference`.
        audit: counts the rows, and lists those with faults by their position in the source.
        keep_faulty: keep rows with faults, and only note them.

    Raises:
        SourceError: unknown columns, a wrong type, no prompt, no row left.
    """
    kept = 0
    for number, row in enumerate(rows):
        audit.rows += 1
        pair = read(row)
        if pair.faults and not keep_faulty:
            audit.exclude(number, pair.faults)
            continue
        audit.note(number, pair.faults)
        yield _build_preference(row, pair)
        kept += 1
    check_any_kept(kept, audit)


def _build_preference(row: SourceRow, pair: DialoguePair) -> Preference:
    values = row.values
    return Preference(
        # One prompt may have several pairs: they share its id.
        prompt_id=read_label(row, "prompt_id", "id") or compute_prompt_id(pair.prompt),
        prompt=pair.prompt,
        chosen=pair.chosen,
        rejected=pair.rejected,
        score_chosen=_read_score(row, "score_chosen"),
        score_rejected=_read_score(row, "score_rejected"),
        chosen_model=read_label(row, "chosen_model"),
        rejected_model=read_label(row, "rejected_model"),
        subset=read_subset(row),
        category=read_category(row),
        source=values["source"] if isinstance(values.get("source"), str) else row.source,
    )


def _read_score(row: SourceRow, column: str) -> float | None:
    value = row.values.get(column)
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise SourceError(
            row.where, f"`{column}` is not a number", "a number or nothing"
        ) from error
