"""The three doors: a name -> prompts, preferences or dialogues, as streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from alignray.errors import SourceError
from alignray.records import Message, Preference, Prompt
from alignray.sources.audit import SourceAudit
from alignray.sources.pocket_source import POCKET_SOURCE
from alignray.sources.registry import find_source
from alignray.sources.rows import is_on_hub
from alignray.sources.source import SourceRequest

T = TypeVar("T")


def load_prompts(
    name: str, *, revision: str = "main", audit: SourceAudit | None = None
) -> Iterator[Prompt]:
    """The prompts of a source, as a stream in its order.

    Args:
        name: a file (JSONL, JSON, CSV, TSV, parquet, plain text; gzip where it is text), a
            directory of such, a stage's output, a saved `datasets` directory, `PATH@SUBDIR:SPLIT`,
            `owner/name[@DATA_DIR][:SPLIT]` on the hub, `pocket:train`, or a prefix of the registry
            such as `hh-rlhf:PATH_OR_HUB_ID`.
        revision: revision of a hub data set.
        audit: filled while rows are read: counts, rows left out with their reasons, repeats.

    Raises:
        SourceError: missing, empty, broken, unknown columns, wrong types; with file and line.
            It is raised when the stream gets there: write elsewhere and move the output at the end.
    """
    source, rest = find_source(name)
    return _ask(source.prompts, name, "prompts")(_build_request(rest, revision, audit))


def load_preferences(
    name: str, *, revision: str = "main", audit: SourceAudit | None = None
) -> Iterator[Preference]:
    """The preferences of a source, as a stream in its order; see `load_prompts`."""
    source, rest = find_source(name)
    return _ask(source.preferences, name, "preferences")(_build_request(rest, revision, audit))


def load_dialogues(
    name: str, *, revision: str = "main", audit: SourceAudit | None = None
) -> Iterator[list[Message]]:
    """Conversations to train on, each ending with an assistant turn; as `load_prompts`."""
    source, rest = find_source(name)
    return _ask(source.dialogues, name, "dialogues")(_build_request(rest, revision, audit))


def splits_long_dialogues(name: str) -> bool:
    """Whether dialogues of a source that are over a training's max_length become several rows."""
    return find_source(name)[0].long_dialogues == "split"


def needs_hub(name: str) -> bool:
    """Whether a source's rows come from the hub rather than from here.

    Raises:
        SourceError: a directory is there, its subdirectory is not.
    """
    source, rest = find_source(name)
    return source is not POCKET_SOURCE and is_on_hub(rest)


def _build_request(name: str, revision: str, audit: SourceAudit | None) -> SourceRequest:
    audit = SourceAudit() if audit is None else audit
    audit.name = name
    return SourceRequest(name, revision, audit)


def _ask(
    load: Callable[[SourceRequest], Iterator[T]] | None, name: str, what: str
) -> Callable[[SourceRequest], Iterator[T]]:
    if load is None:
        raise SourceError(name, f"a source without {what}", f"a source that has {what}")
    return load
