"""Sources: named data sets and files -> records, as streams that refuse what they cannot read."""

from alignray.sources.audit import SourceAudit, read_audit
from alignray.sources.loading import (
    load_dialogues,
    load_preferences,
    load_prompts,
    needs_hub,
    splits_long_dialogues,
)
from alignray.sources.prompt_files import write_prompts
from alignray.sources.sharegpt import split_dialogue

__all__ = [
    "SourceAudit",
    "load_dialogues",
    "load_preferences",
    "load_prompts",
    "needs_hub",
    "read_audit",
    "split_dialogue",
    "splits_long_dialogues",
    "write_prompts",
]
