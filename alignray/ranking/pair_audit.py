"""How many prompts made pairs, and would a silly rule give the same labels? Two tables; pure.

A preference set whose chosen response is almost always the longer one teaches length, whatever its
judge was asked for (Singhal et al., arXiv 2310.03716). For each rule: of the pairs on which it
decides, the share in which it picks the chosen response. Near .5 the rule explains nothing, near 1
(or 0) a model can learn the rule instead of the preference. That refusals win on harmful prompts is
wanted; on benign ones it is not, so every table is also kept per subset.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from alignray.ranking.intervals import describe_share
from alignray.ranking.pairs import Pair, RowPairs
from alignray.ranking.refusal import is_refusal
from alignray.records import RankedPrompt

ALL = "all"
RULES = ("longer", "shorter", "refusal", "first")
"""The longer text in characters, the shorter one, the only refusal, the one sampled first."""


@dataclass
class YieldRow:
    """Where prompts, responses and pairs of responses ended, in one subset or in all."""

    prompts: int = 0
    prompts_with_pairs: int = 0
    pairs: int = 0
    best_responses: int = 0
    prompts_without_pairs: Counter[str] = field(default_factory=Counter)
    responses_dropped: Counter[str] = field(default_factory=Counter)
    pairs_dropped: Counter[str] = field(default_factory=Counter)
    agreements: Counter[str] = field(default_factory=Counter)
    """Rule -> pairs in which it picks the chosen response."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Rule -> pairs on which it decides."""

    def to_metrics(self) -> dict[str, Any]:
        """The row as JSON-ready values."""
        return {
            "prompts": self.prompts,
            "prompts_with_pairs": self.prompts_with_pairs,
            "pairs": self.pairs,
            "best_responses": self.best_responses,
            "prompts_without_pairs": dict(sorted(self.prompts_without_pairs.items())),
            "responses_dropped": dict(sorted((+self.responses_dropped).items())),
            "pairs_dropped": dict(sorted((+self.pairs_dropped).items())),
        }

    def audit_to_metrics(self) -> dict[str, Any]:
        """The share of pairs that each rule labels the same way, with its interval."""
        return {rule: describe_share(self.agreements[rule], self.decisions[rule]) for rule in RULES}


class PairTables:
    """The yield table and the audit of a pair set, in all and per subset."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, YieldRow] = defaultdict(YieldRow)

    def add(self, row: RankedPrompt, found: RowPairs, num_best: int) -> None:
        """Counts one prompt and what it gave."""
        picks = [_apply_rules(row, pair) for pair in found.pairs]
        for name in (ALL, row.subset):
            table = self._rows[name]
            table.prompts += 1
            table.prompts_with_pairs += bool(found.pairs)
            table.pairs += len(found.pairs)
            table.best_responses += num_best
            table.responses_dropped += found.response_drops
            table.pairs_dropped += found.pair_drops
            if found.reason is not None:
                table.prompts_without_pairs[found.reason] += 1
            for pick in picks:
                table.decisions.update(pick.keys())
                table.agreements.update(rule for rule, agrees in pick.items() if agrees)

    @property
    def total(self) -> YieldRow:
        """The row over all subsets."""
        return self._rows[ALL]

    def to_metrics(self) -> dict[str, Any]:
        """Both tables as JSON-ready values: `all` first, then subset by subset."""
        rows = {ALL: self.total} | dict(sorted(self._rows.items()))
        return {
            "yield": {name: row.to_metrics() for name, row in rows.items()},
            "label_audit": {name: row.audit_to_metrics() for name, row in rows.items()},
        }


def _apply_rules(row: RankedPrompt, pair: Pair) -> dict[str, bool]:
    """For each rule that decides on a pair: whether it picks the chosen response."""
    chosen, rejected = row.generations[pair.chosen.index], row.generations[pair.rejected.index]
    picks = {"first": pair.chosen.index < pair.rejected.index}
    if len(chosen) != len(rejected):
        picks["longer"] = len(chosen) > len(rejected)
        picks["shorter"] = len(chosen) < len(rejected)
    refuses = is_refusal(chosen)
    if refuses != is_refusal(rejected):
        picks["refusal"] = refuses
    return picks
