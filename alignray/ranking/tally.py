"""What a ranking stage measured, row by row and without keeping rows. Pure.

None of it says that the judge is right: means are the judge's own grades, and a judge without
position bias or flips can be wrong the same way every time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alignray.errors import VerdictError
from alignray.ranking.intervals import Z95
from alignray.ranking.verdicts import VerdictKind

TALLIED_COLUMNS = [
    "subset",
    "generations",
    "ratings",
    "safety",
    "helpfulness",
    "verdicts",
    "verdict_reasons",
    "position_ranks",
    "flip_rate",
]
"""Columns of a ranked row that `RankTally.add` reads."""


@dataclass
class RunningMean:
    """Mean and its 95 % interval by Welford's update.

    Example: after 1.0 and 3.0: `{"value": 2.0, "ci_low": 0.04, "ci_high": 3.96, "n": 2}`.
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared distances from the mean."""

    def add(self, value: float | None) -> None:
        """Adds a value; None is left out."""
        if value is None:
            return
        self.n += 1
        delta = value - self.mean
        self.mean += delta / self.n
        self.squares += delta * (value - self.mean)

    def describe(self) -> dict[str, Any] | None:
        """Value, interval (none below two values) and n, JSON-ready; None where n is 0."""
        if self.n == 0:
            return None
        half = Z95 * math.sqrt(self.squares / (self.n - 1) / self.n) if self.n > 1 else None
        low, high = (None, None) if half is None else (self.mean - half, self.mean + half)
        return {"value": self.mean, "ci_low": low, "ci_high": high, "n": self.n}


@dataclass
class SubsetTally:
    """The responses of one subset.

    Means are over prompts, each the mean of its scored responses: these resemble each other, and an
    interval over responses would be too narrow.
    """

    rows: int = 0
    responses: int = 0
    unscored: int = 0
    rating: RunningMean = field(default_factory=RunningMean)
    safety: RunningMean = field(default_factory=RunningMean)
    helpfulness: RunningMean = field(default_factory=RunningMean)

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        means = {"rating": self.rating, "safety": self.safety, "helpfulness": self.helpfulness}
        described = {name: mean.describe() for name, mean in means.items()}
        counts = {"rows": self.rows, "responses": self.responses, "unscored": self.unscored}
        return counts | {name: value for name, value in described.items() if value is not None}


@dataclass
class RankTally:
    """Counts and means over ranked rows."""

    rows: int = 0
    rows_without_responses: int = 0
    responses: int = 0
    tied: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    subsets: dict[str, SubsetTally] = field(default_factory=dict)
    places: dict[int, list[RunningMean]] = field(default_factory=dict)
    """Number of responses -> mean rank given to each place."""
    flip_rate: RunningMean = field(default_factory=RunningMean)

    @property
    def unscored(self) -> int:
        """Responses without a grade."""
        return sum(self.reasons.values())

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds one row with at least `TALLIED_COLUMNS`."""
        size = len(row["generations"])
        self.rows += 1
        self.rows_without_responses += size == 0
        self.responses += size
        self.tied += row["verdicts"].count(VerdictKind.TIE)
        self.reasons.update(reason for reason in row["verdict_reasons"] if reason)
        self.flip_rate.add(row["flip_rate"])
        self._add_to_subset(row, size)
        if row["position_ranks"]:
            places = self.places.setdefault(size, [RunningMean() for _ in range(size)])
            for place, rank in zip(places, row["position_ranks"], strict=True):
                place.add(rank)

    def describe(self) -> dict[str, Any]:
        """The numbers of metrics.json."""
        metrics: dict[str, Any] = {
            "responses": self.responses,
            "scored": self.responses - self.unscored,
            "unscored": self.unscored,
            "unscored_reasons": dict(sorted(self.reasons.items())),
            "unscored_rate": self.unscored / self.responses if self.responses else None,
            "rows_without_responses": self.rows_without_responses,
            "tied_responses": self.tied,
            "subsets": {name: self.subsets[name].describe() for name in sorted(self.subsets)},
        }
        if self.places:
            metrics["position_bias"] = [
                {"responses": size, "place": place, "unbiased": (size + 1) / 2}
                | {"mean_rank": mean.describe()}
                for size, places in sorted(self.places.items())
                for place, mean in enumerate(places, start=1)
            ]
            metrics["flip_rate"] = self.flip_rate.describe()
        return metrics

    def _add_to_subset(self, row: Mapping[str, Any], size: int) -> None:
        subset = self.subsets.setdefault(row["subset"], SubsetTally())
        subset.rows += 1
        subset.responses += size
        subset.unscored += row["verdicts"].count(VerdictKind.UNSCORED)
        if row["position_ranks"]:
            return  # the mean rank of an order is always the same
        for name, mean in (
            ("ratings", subset.rating),
            ("safety", subset.safety),
            ("helpfulness", subset.helpfulness),
        ):
            values = [value for value in row[name] if value is not None]
            if values:
                mean.add(sum(values) / len(values))


def tally_rows(rows: Iterable[Mapping[str, Any]]) -> RankTally:
    """The tally of rows."""
    tally = RankTally()
    for row in rows:
        tally.add(row)
    return tally


def check_unscored_rate(tally: RankTally, max_rate: float, judge: str) -> None:
    """Refuses verdicts of which too many are missing.

    Raises:
        VerdictError: more than `max_rate` of the responses are unscored, or there are none.
    """
    if tally.responses == 0:
        raise VerdictError(f"judge {judge}", f"no responses in {tally.rows} rows", "some to judge")
    if tally.unscored / tally.responses <= max_rate:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in tally.reasons.most_common())
    raise VerdictError(
        f"judge {judge}",
        f"{tally.unscored} of {tally.responses} responses are unscored ({reasons})",
        f"at most {max_rate:.1%} (max_unscored_rate)",
        "use another judge, rubric or verdict, or raise the limit; finished rows are kept",
    )
