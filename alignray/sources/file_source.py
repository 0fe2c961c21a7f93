"""Files, directories and hub ids as a source: the first row tells which form they have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from alignray.records import Message, Preference, Prompt
from alignray.sources.dialogues import build_dialogues, read_dialogue
from alignray.sources.hh_rlhf import is_hh_row
from alignray.sources.hh_source import HHReader
from alignray.sources.preference_shapes import read_preference
from alignray.sources.preferences import build_preferences
from alignray.sources.prompts import build_prompts, read_prompt
from alignray.sources.rows import SourceRow, open_rows
from alignray.sources.source import Source, SourceRequest


def _open(request: SourceRequest, *prefer: str) -> tuple[Iterator[SourceRow], bool]:
    """The rows, and whether they are HH-RLHF's."""
    rows = open_rows(request.name, revision=request.revision, prefer=prefer)
    first = next(rows)
    return itertools.chain([first], rows), is_hh_row(first.values)


def _load_prompts(request: SourceRequest) -> Iterator[Prompt]:
    rows, is_hh = _open(request, "train")
    if is_hh:
        return HHReader().build_prompts(rows, request.audit)
    return build_prompts(rows, read_prompt, request.audit)


def _load_preferences(request: SourceRequest) -> Iterator[Preference]:
    rows, is_hh = _open(request, "train")
    if is_hh:
        return HHReader().build_preferences(rows, request.audit)
    return build_preferences(rows, read_preference, request.audit)


def _load_dialogues(request: SourceRequest) -> Iterator[list[Message]]:
    # Pairs are written with the best responses beside them: train.parquet and sft.parquet.
    rows, is_hh = _open(request, "sft", "train")
    if is_hh:
        return HHReader().build_dialogues(rows, request.audit)
    return build_dialogues(rows, read_dialogue, request.audit)


FILE_SOURCE = Source(_load_prompts, _load_preferences, _load_dialogues)
