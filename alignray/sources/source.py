"""What a source is: up to three streams of records, asked for by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from alignray.records import Message, Preference, Prompt
from alignray.sources.audit import SourceAudit


@dataclass(frozen=True)
class SourceRequest:
    """What is asked of a source.

    Example: for `hh-rlhf:data/test.jsonl.gz` the name is `data/test.jsonl.gz`.
    """

    name: str
    """The name without the source's prefix."""
    revision: str
    """Revision of a hub data set."""
    audit: SourceAudit
    """Filled while the rows are read."""


@dataclass(frozen=True)
class Source:
    """What a source gives; None for what it does not have."""

    prompts: Callable[[SourceRequest], Iterator[Prompt]] | None = None
    preferences: Callable[[SourceRequest], Iterator[Preference]] | None = None
    dialogues: Callable[[SourceRequest], Iterator[list[Message]]] | None = None
    long_dialogues: Literal["whole", "split"] = "whole"
    """Whether a dialogue over the training's max_length becomes several rows."""
