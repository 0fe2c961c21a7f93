"""HH-RLHF as a source: rows of two dialogues, read by one of the split rules of `hh_rlhf`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alignray.errors import SourceError
from alignray.records import Message, Preference, Prompt
from alignray.sources.audit import SourceAudit
from alignray.sources.dialogues import build_dialogues
from alignray.sources.hh_rlhf import COMPATIBILITY_RULES, DialoguePair, split_dialogues, split_turns
from alignray.sources.messages import check_text
from alignray.sources.preferences import build_preferences
from alignray.sources.prompts import build_prompts
from alignray.sources.rows import SourceRow, open_rows
from alignray.sources.source import Source, SourceRequest

_FAULTS_OF_REJECTED = {"empty_rejected", "identical_answers"}


@dataclass(frozen=True)
class HHReader:
    """Rows of HH-RLHF under one split rule: `turns` or a compatibility mode."""

    mode: str = "turns"

    @property
    def keep_faulty(self) -> bool:
        """Compatibility modes keep every row, as the projects they come from do."""
        return self.mode != "turns"

    def read_pair(self, row: SourceRow) -> DialoguePair:
        """Prompt, answers and faults of a row."""
        chosen = check_text(row.values.get("chosen"), row.where, "chosen")
        rejected = check_text(row.values.get("rejected"), row.where, "rejected")
        return split_dialogues(chosen, rejected, self.mode)

    def read_prompt(self, row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
        """Prompt and faults of a row; a row that is no good as a pair gives no prompt either."""
        pair = self.read_pair(row)
        return pair.prompt, pair.faults

    def read_dialogue(self, row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
        """The chosen dialogue and the faults of its form, whatever the rejected one looks like.

        Under `no_split` it is one text, as it stands (OPT-350M's SFT).
        """
        chosen = check_text(row.values.get("chosen"), row.where, "chosen")
        if self.mode == "no_split":
            return split_dialogues(chosen, chosen, self.mode).chosen, ()
        pair = split_turns(chosen, chosen)
        faults = tuple(name for name in pair.faults if name not in _FAULTS_OF_REJECTED)
        return [*pair.prompt, *pair.chosen], faults

    def build_prompts(self, rows: Iterator[SourceRow], audit: SourceAudit) -> Iterator[Prompt]:
        """The prompts of the rows.

        Raises:
            SourceError: the mode gives no prompts, or a row is not two dialogues.
        """
        if self.keep_faulty and not COMPATIBILITY_RULES[self.mode].has_prompts:
            raise SourceError(f"hh-rlhf {self.mode}", "a split without prompts", "preferences")
        return build_prompts(rows, self.read_prompt, audit, keep_faulty=self.keep_faulty)

    def build_preferences(
        self, rows: Iterator[SourceRow], audit: SourceAudit
    ) -> Iterator[Preference]:
        """The preferences of the rows.

        Raises:
            SourceError: the mode gives no preferences, or a row is not two dialogues.
        """
        if self.keep_faulty and not COMPATIBILITY_RULES[self.mode].has_preferences:
            raise SourceError(f"hh-rlhf {self.mode}", "a split without answers", "prompts")
        return build_preferences(rows, self.read_pair, audit, keep_faulty=self.keep_faulty)

    def build_dialogues(
        self, rows: Iterator[SourceRow], audit: SourceAudit
    ) -> Iterator[list[Message]]:
        """The chosen dialogues of the rows."""
        return build_dialogues(rows, self.read_dialogue, audit)


def build_hh_source(mode: str) -> Source:
    """HH-RLHF under one split rule, for the registry."""
    reader = HHReader(mode)

    def _open(request: SourceRequest) -> Iterator[SourceRow]:
        return open_rows(request.name, revision=request.revision)

    return Source(
        prompts=lambda request: reader.build_prompts(_open(request), request.audit),
        preferences=lambda request: reader.build_preferences(_open(request), request.audit),
        dialogues=lambda request: reader.build_dialogues(_open(request), request.audit),
    )
