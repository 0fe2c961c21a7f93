"""Sources: named data sets and files -> records, as streams that refuse what they cannot read."""

from alignray.sources.audit import SourceAudit, read_audit
from alignray.sources.loading import load_dialogues, load_preferences, load_prompts
from alignray.sources.prompt_files import write_prompts

__all__ = [
    "SourceAudit",
    "load_dialogues",
    "load_preferences",
    "load_prompts",
    "read_audit",
    "write_prompts",
]
