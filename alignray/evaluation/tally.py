"""Counts over a stream of EvalRows: rows go by once, and what is kept does not grow with them.

(But for the grades beside a known truth, which the rank correlation needs: two numbers a row.)
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from alignray.config.evaluation import Thresholds
from alignray.evaluation.judge_scores import JudgeTally
from alignray.evaluation.metrics import METRICS, Metric, find_metric, list_metrics
from alignray.evaluation.rates import MeanSums
from alignray.evaluation.rows import EvalRow
from alignray.evaluation.scoring.mmlu import Answered

PAIRED_METRICS = (
    "harmful_rate",
    "over_refusal_rate",
    "useless_rate",
    "accuracy",
    "harmful_rate_truth",
    "over_refusal_rate_truth",
    "useless_rate_truth",
)
"""Rates that are compared between models, prompt by prompt."""
GRADES = ("safety", "helpfulness")
MAX_EXAMPLES = 20


@dataclass
class Tally:
    """Running counts of yes, no and unscored."""

    k: int = 0
    n: int = 0
    unscored: int = 0

    def add(self, outcome: bool | None) -> None:
        """Adds one row."""
        if outcome is None:
            self.unscored += 1
        else:
            self.n += 1
            self.k += outcome


@dataclass
class PairTally:
    """Running counts of one rate for two models on the same prompts."""

    only_first: int = 0
    only_second: int = 0
    both: int = 0
    neither: int = 0
    unscored: int = 0

    def add(self, first: bool | None, second: bool | None) -> None:
        """Adds one prompt."""
        if first is None or second is None:
            self.unscored += 1
        elif first and second:
            self.both += 1
        elif first:
            self.only_first += 1
        elif second:
            self.only_second += 1
        else:
            self.neither += 1


@dataclass
class GradePairs:
    """Judge's and true grades side by side, for the rank correlation."""

    judge: array[float] = field(default_factory=lambda: array("d"))
    truth: array[float] = field(default_factory=lambda: array("d"))

    def add(self, judge: float, truth: float) -> None:
        """Adds one answer."""
        self.judge.append(judge)
        self.truth.append(truth)


class EvalTally:
    """All counts of an evaluation; keys are (model, benchmark, ...) in order of appearance."""

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.kinds: dict[str, str] = {}
        """Kind of each benchmark seen."""
        self.models: list[str] = []
        self.rates: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
        """By (model, benchmark, metric)."""
        self.means: dict[tuple[str, str, str], MeanSums] = defaultdict(MeanSums)
        self.categories: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
        """harmful_rate by (model, benchmark, category)."""
        self.answered: dict[tuple[str, str], list[Answered]] = defaultdict(list)
        """Right or wrong with its category, by (model, benchmark) of choice benchmarks."""
        self.pairs: dict[tuple[str, str, str, str], PairTally] = defaultdict(PairTally)
        """By (first model, second model, benchmark, metric)."""
        self.grades: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * 5)
        """Rounded grades 1 to 5 by (model, benchmark, grade)."""
        self.confusion: dict[str, list[list[int]]] = {
            grade: [[0] * 5 for _ in range(5)] for grade in GRADES
        }
        """[true grade - 1][judge's grade - 1], for each of GRADES."""
        self.agreement: dict[tuple[str, str], GradePairs] = defaultdict(GradePairs)
        """By (benchmark, `safety` | `helpfulness` | `mean`)."""
        self.examples: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        """Ids of the first harmful, useless or over-refused rows by (model, benchmark, metric)."""
        self.unscored_reasons: dict[str, int] = defaultdict(int)
        self.statuses: dict[str, int] = defaultdict(int)
        self.groups: dict[tuple[str, str], Tally] = defaultdict(Tally)
        """Rows with a verdict (n) and without (unscored), by (model, benchmark)."""
        self.judges = JudgeTally()

    def add_prompt(self, rows: Sequence[EvalRow]) -> None:
        """Adds the answers of all models to one prompt, in the order of the models."""
        for row in rows:
            if row.model not in self.models:
                self.models.append(row.model)
            self.kinds[row.benchmark] = row.kind
            self._add_row(row)
            self.judges.add_row(row)
        for metric in map(find_metric, PAIRED_METRICS):
            if rows and rows[0].kind in metric.kinds:
                self._add_pairs(rows, metric)

    def _add_row(self, row: EvalRow) -> None:
        self.statuses[row.status] += 1
        self.groups[row.model, row.benchmark].add(True if row.status == "ok" else None)
        if row.reason is not None:
            self.unscored_reasons[row.reason.split(":", 1)[0]] += 1
        for metric in list_metrics(row.kind):
            self._add_outcome(row, metric)
        self._add_grades(row)
        if row.kind == "choice":
            answer = Answered(row.category or "(none)", row.correct)
            self.answered[row.model, row.benchmark].append(answer)
        if row.kind == "harmful":
            outcome = find_metric("harmful_rate").outcome(row, self.thresholds)
            category = row.category or "(none)"
            self.categories[row.model, row.benchmark, category].add(_as_bool(outcome))

    def _add_outcome(self, row: EvalRow, metric: Metric) -> None:
        key = (row.model, row.benchmark, metric.name)
        outcome = metric.outcome(row, self.thresholds)
        if metric.scale == "grade":
            self.means[key].add(outcome)
            return
        self.rates[key].add(_as_bool(outcome))
        listed = metric.name in ("harmful_rate", "over_refusal_rate", "useless_rate")
        if outcome and listed and len(self.examples[key]) < MAX_EXAMPLES:
            self.examples[key].append(row.prompt_id)

    def _add_grades(self, row: EvalRow) -> None:
        truths = {"safety": row.truth_safety, "helpfulness": row.truth_helpfulness}
        grades = {"safety": row.safety, "helpfulness": row.helpfulness}
        for name in GRADES:
            grade, truth = grades[name], truths[name]
            if grade is None:
                continue
            self.grades[row.model, row.benchmark, name][round_grade(grade) - 1] += 1
            if truth is not None:
                self.confusion[name][truth - 1][round_grade(grade) - 1] += 1
                self.agreement[row.benchmark, name].add(grade, truth)
        if row.truth_safety is not None and row.safety is not None and row.helpfulness is not None:
            true_mean = (row.truth_safety + (row.truth_helpfulness or 0)) / 2
            self.agreement[row.benchmark, "mean"].add((row.safety + row.helpfulness) / 2, true_mean)

    def _add_pairs(self, rows: Sequence[EvalRow], metric: Metric) -> None:
        outcomes = [_as_bool(metric.outcome(row, self.thresholds)) for row in rows]
        for index, first in enumerate(rows):
            for later in range(index + 1, len(rows)):
                key = (first.model, rows[later].model, first.benchmark, metric.name)
                self.pairs[key].add(outcomes[index], outcomes[later])


def round_grade(grade: float) -> int:
    """The nearest whole grade from 1 to 5; halves go up, as the thresholds have it."""
    return min(5, max(1, int(grade + 0.5)))


def _as_bool(outcome: bool | float | None) -> bool | None:
    return None if outcome is None else bool(outcome)


def has_truth(tally: EvalTally) -> bool:
    """Whether the truth of any answer is known."""
    needs = {metric.name for metric in METRICS if metric.needs_truth}
    return any(counts.n for key, counts in tally.rates.items() if key[2] in needs)
