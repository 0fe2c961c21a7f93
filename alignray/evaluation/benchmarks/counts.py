"""What a copy of a benchmark holds against what a whole one holds; pure.

A lost category is named, whatever the number of rows says: a benchmark that lost one is another
benchmark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from alignray.config.benchmark_spec import BenchmarkSpec


@dataclass
class PromptCounts:
    """Prompts read so far.

    Example: `PromptCounts(450, Counter(definitions=25, ...), Counter(safe=250, unsafe=200))`.
    """

    rows: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    subsets: Counter[str] = field(default_factory=Counter)

    def add(self, category: str | None, subset: str | None) -> None:
        """Counts one prompt."""
        self.rows += 1
        if category is not None:
            self.categories[category] += 1
        if subset is not None:
            self.subsets[subset] += 1


def compare_counts(spec: BenchmarkSpec, counts: PromptCounts) -> list[str]:
    """What is missing, short or more than expected, a line each; empty where nothing is.

    Example: `category Malware is missing (30 prompts expected)`.
    """
    expected = spec.expected
    found = _compare("category", expected.categories, counts.categories, expected.gone)
    found += _compare("subset", expected.subsets, counts.subsets, {})
    if expected.rows is not None and counts.rows != expected.rows:
        found.append(f"{counts.rows} prompts, {expected.rows} expected")
    return found


def _compare(
    what: str,
    expected: Mapping[str, int | None],
    counts: Mapping[str, int],
    gone: Mapping[str, str],
) -> list[str]:
    if not expected:
        return []
    lines = []
    for name, number in expected.items():
        count = counts.get(name, 0)
        if count == 0:
            reason = f": {gone[name]}" if name in gone else ""
            much = f" ({number} prompts expected)" if number is not None else ""
            lines.append(f"{what} {name} is missing{much}{reason}")
        elif number is not None and count != number:
            lines.append(f"{what} {name} has {count} prompts, {number} expected")
    unknown = [name for name in counts if name not in expected]
    return lines + [f"{what} {name} is not known ({counts[name]} prompts)" for name in unknown]
