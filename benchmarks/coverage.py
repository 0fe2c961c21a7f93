"""Coverage: how often the 95 % intervals that we print hold the truth, by simulation.

Claim: 95 % +- 1, on average over the cases of each row, with 50 rows and with 200 (alpha by
squared differences: from 200 on). In brackets the cases with the least
and the most; in round ones what an interval replaced, or the test that goes with it.

    python -m benchmarks.coverage [--samples 2000] [--json FILE]

A case is a distribution that occurs: shares from .05 to .95; grades that are nearly all 1; win
rates with ties; judges that are right in 55 to 95 % of rows on balanced and on rare labels. Rows
that need a bootstrap take a tenth of the samples.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from alignray.evaluation.rates import (
    MeanSums,
    compute_mean,
    compute_paired_difference,
    compute_rate,
)
from alignray.evaluation.scoring.agreement_many import Level, estimate_alpha, estimate_fleiss
from alignray.evaluation.scoring.bootstrap import Resampling, bootstrap_sums
from alignray.evaluation.scoring.judge_quality import compute_macro
from alignray.evaluation.scoring.moderation import score_relative_reduction
from alignray.evaluation.scoring.paired import Matched, compare_paired
from alignray.evaluation.scoring.perplexity import Document, score_perplexity
from alignray.evaluation.scoring.preference_accuracy import score_auc, score_preference_accuracy
from alignray.evaluation.scoring.rewards import HMR, HPR, combine_cas
from alignray.evaluation.scoring.score import Place, Score, score_rate
from alignray.evaluation.scoring.seeds import summarize_seeds
from alignray.ranking.agreement import estimate_kappa, estimate_tau_b

Hits = list[bool]
Rng = np.random.Generator
Cases = Sequence[tuple[tuple[float, ...], tuple[float, ...]]]
Simulate = Callable[[Rng, int, int], Iterator[Hits]]

SHARES = tuple(k / 20 for k in range(1, 20))
GRADES = (
    (0.9, 0.04, 0.02, 0.02, 0.02),
    (0.97, 0.01, 0.0, 0.01, 0.01),
    (0.6, 0.2, 0.1, 0.05, 0.05),
    (0.2, 0.2, 0.2, 0.2, 0.2),
    (0.05, 0.1, 0.2, 0.4, 0.25),
    (0.5, 0.0, 0.0, 0.0, 0.5),
    (0.02, 0.03, 0.05, 0.2, 0.7),
)
WINS = (
    (0.9, 0.02, 0.08),
    (0.5, 0.1, 0.4),
    (0.2, 0.2, 0.6),
    (0.05, 0.05, 0.9),
    (0.3, 0.4, 0.3),
    (0.03, 0.02, 0.95),
)
"""Shares of losses, ties and wins."""
JUDGED = [
    (labels, right)
    for labels in ((0.5, 0.5), (0.85, 0.15), (0.4, 0.4, 0.2), (0.2, 0.2, 0.2, 0.2, 0.2))
    for right in (0.55, 0.8, 0.95)
]
"""(shares of the true labels, how often a judge sees the truth; else it guesses by the shares)."""
REWARDS = ("normal", "two humps", "long tails", "exponential")


def holds(low: float, high: float, truth: float) -> bool:
    """Whether an interval holds the truth, rounding apart."""
    return low - 1e-9 <= truth <= high + 1e-9


def simulate_wilson(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Shares."""
    for p in SHARES:
        rates = (compute_rate(int(k), n) for k in rng.binomial(n, p, samples))
        yield [holds(rate.ci_low, rate.ci_high, p) for rate in rates]


def _simulate_means(
    rng: Rng, n: int, samples: int, cases: Cases, bounds: tuple[float, float]
) -> Iterator[Hits]:
    for values, p in cases:
        truth = float(np.dot(p, values))
        sums = (_sum(np.array(values), counts) for counts in rng.multinomial(n, p, samples))
        means = (compute_mean(each, *bounds) for each in sums)
        yield [holds(mean.ci_low, mean.ci_high, truth) for mean in means]


def simulate_grades(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Means of grades 1 to 5."""
    cases = [((1.0, 2.0, 3.0, 4.0, 5.0), p) for p in GRADES]
    return _simulate_means(rng, n, samples, cases, (1, 5))


def simulate_student_grades(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Means of grades by Student's t, which these intervals replaced."""
    cases = [((1.0, 2.0, 3.0, 4.0, 5.0), p) for p in GRADES]
    return _simulate_means(rng, n, samples, cases, (-np.inf, np.inf))


def simulate_win_rates(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Win rates in which a tie is half a win."""
    return _simulate_means(rng, n, samples, [((0.0, 0.5, 1.0), p) for p in WINS], (0, 1))


def _sum(values: np.ndarray, counts: np.ndarray) -> MeanSums:
    mean = float(counts @ values / counts.sum())
    return MeanSums(int(counts.sum()), 0, mean, float(counts @ (values - mean) ** 2))


def _draw_reward(rng: Rng, kind: str, n: int) -> tuple[np.ndarray, float]:
    if kind == "normal":
        return rng.normal(size=n), 0.0
    if kind == "two humps":
        return np.where(rng.random(n) < 0.2, rng.normal(3, 1, n), rng.normal(-3, 1, n)), -1.8
    if kind == "long tails":
        return rng.standard_t(5, size=n), 0.0
    return rng.exponential(size=n), 1.0


def simulate_rewards(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Means without a range: Student's t."""
    for kind in REWARDS:
        hits = []
        for _ in range(samples):
            values, truth = _draw_reward(rng, kind, n)
            mean = float(values.mean())
            sums = MeanSums(n, 0, mean, float(np.sum((values - mean) ** 2)))
            found = compute_mean(sums, -np.inf, np.inf)
            hits.append(holds(found.ci_low, found.ci_high, truth))
        yield hits


def simulate_bootstrap(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Means without a range: bootstrap."""
    for kind in REWARDS:
        hits = []
        for seed in range(samples):
            values, truth = _draw_reward(rng, kind, n)
            rows = np.stack([values, np.ones(n)], axis=1)
            found = bootstrap_sums(
                rows, lambda sums: sums[..., 0] / sums[..., 1], Resampling(seed), "mean"
            )
            hits.append(holds(found.ci_low, found.ci_high, truth))
        yield hits


def _draw_pair(rng: Rng, n: int, likeness: float) -> tuple[np.ndarray, np.ndarray]:
    """Two uniform numbers a prompt; the same in a share `likeness` of prompts."""
    first = rng.random(n)
    return first, np.where(rng.random(n) < likeness, first, rng.random(n))


def simulate_newcombe(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Differences of two rates on the same prompts."""
    for p, q in ((0.1, 0.05), (0.3, 0.3), (0.5, 0.3), (0.9, 0.6), (0.9, 0.9)):
        for likeness in (0.0, 0.4, 0.8):
            hits = []
            for _ in range(samples):
                u, v = _draw_pair(rng, n, likeness)
                a, b = u < p, v < q
                table = (a & ~b, ~a & b, a & b, ~a & ~b)
                found = compute_paired_difference(*(int(cell.sum()) for cell in table))
                hits.append(holds(found.ci_low, found.ci_high, q - p))
            yield hits


def _draw_graded_pair(rng: Rng, n: int, case: int, likeness: float) -> tuple[Matched, float]:
    p, q = GRADES[case], GRADES[(case + 2) % len(GRADES)] if case % 2 else GRADES[case]
    u, v = _draw_pair(rng, n, likeness)
    first, second = (
        np.minimum(np.searchsorted(np.cumsum(shares), draw), 4).astype(float)
        for shares, draw in ((p, u), (q, v))
    )
    return Matched(first, second, 0, [], []), float(np.dot(np.subtract(q, p), np.arange(5)))


def simulate_paired(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Differences of mean grades on the same prompts."""
    for case in range(len(GRADES)):
        for likeness in (0.3, 0.7):
            hits = []
            for seed in range(samples):
                matched, truth = _draw_graded_pair(rng, n, case, likeness)
                found = compare_paired(matched, Resampling(seed, 1000, (-4.0, 4.0)))
                hits.append(holds(found.ci_low, found.ci_high, truth))
            yield hits


def simulate_paired_test(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Paired bootstrap test: p above .05 where there is no difference."""
    for case in (0, 2, 4, 6):
        hits = []
        for seed in range(samples):
            matched, _ = _draw_graded_pair(rng, n, case, 0.5)
            hits.append(compare_paired(matched, Resampling(seed, 1000)).p_value > 0.05)
        yield hits


def simulate_cas(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """CAS: the mean of two independent rates."""
    for p in (0.05, 0.2, 0.48, 0.8, 0.95):
        for q in (0.05, 0.22, 0.56, 0.9):
            hits = []
            for a, b in zip(rng.binomial(n, p, samples), rng.binomial(n, q, samples), strict=True):
                rates = [
                    score_rate(measure, Place("m", "b"), [True] * k + [False] * (n - k), scale=100)
                    for measure, k in ((HMR, int(a)), (HPR, int(b)))
                ]
                for rate in rates:
                    rate.extra["exact"] = rate.value
                cas = combine_cas("m", *rates)
                assert cas.ci_low is not None and cas.ci_high is not None
                hits.append(holds(cas.ci_low, cas.ci_high, 50 * (p + q)))
            yield hits


def _draw_judges(
    rng: Rng, case: tuple[tuple[float, ...], float], n: int, judges: int
) -> np.ndarray:
    """Labels (N, R) of judges that see the truth with a chance, and else guess by the shares."""
    shares, right = case
    truth = rng.choice(len(shares), size=(n, 1), p=shares)
    guesses = rng.choice(len(shares), size=(n, judges), p=shares)
    return np.where(rng.random((n, judges)) < right, truth, guesses).astype(float)


def _compute_chance_corrected(right: float) -> float:
    """Kappa and alpha of two such judges: both see the truth, else they agree by chance."""
    return right * right


def simulate_kappa(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Cohen's kappa."""
    for case in JUDGED:
        hits = []
        for _ in range(samples):
            labels = _draw_judges(rng, case, n, 2)
            if len(np.unique(labels)) > 1:
                found = estimate_kappa(labels[:, 0].tolist(), labels[:, 1].tolist())
                truth = _compute_chance_corrected(case[1])
                hits.append(holds(found.ci_low, found.ci_high, truth))
        yield hits


def simulate_fleiss(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Fleiss' kappa of three judges."""
    for case in JUDGED:
        hits = []
        for seed in range(samples):
            labels = _draw_judges(rng, case, n, 3)
            if len(np.unique(labels)) > 1:
                found = estimate_fleiss(labels, Resampling(seed))
                truth = _compute_chance_corrected(case[1])
                hits.append(holds(found.ci_low, found.ci_high, truth))
        yield hits


def _simulate_alpha(rng: Rng, n: int, samples: int, level: Level) -> Iterator[Hits]:
    """Four judges, a fifth of the labels missing; the truth is the same at each level."""
    for case in JUDGED:
        hits = []
        for seed in range(samples):
            labels = _draw_judges(rng, case, n, 4)
            labels[rng.random(labels.shape) < 0.2] = np.nan
            found = estimate_alpha(labels, level, Resampling(seed, 300))
            hits.append(holds(found.ci_low, found.ci_high, _compute_chance_corrected(case[1])))
        yield hits


def simulate_alpha_nominal(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Krippendorff's alpha, nominal, labels missing."""
    return _simulate_alpha(rng, n, samples, "nominal")


def simulate_alpha_ordinal(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Krippendorff's alpha, ordinal, labels missing."""
    return _simulate_alpha(rng, n, samples // 2, "ordinal")


def simulate_alpha_interval(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Krippendorff's alpha, interval, labels missing."""
    return _simulate_alpha(rng, n, samples, "interval")


def simulate_macro_f1(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Macro F1 against gold."""
    for shares, right in JUDGED:
        size, p = len(shares), np.array(shares)
        joint = p[:, None] * (right * np.eye(size) + (1 - right) * p[None, :])
        truth = float(compute_macro(joint.ravel())[2])
        hits = []
        for seed, counts in enumerate(rng.multinomial(n, joint.ravel(), samples)):
            rows = np.repeat(np.eye(size * size), counts, axis=0)
            found = bootstrap_sums(
                rows, lambda sums: compute_macro(sums)[..., 2], Resampling(seed, 500, (0, 1)), "F1"
            )
            hits.append(holds(found.ci_low, found.ci_high, truth))
        yield hits


def simulate_tau(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Kendall's tau-b of two judges' grades."""
    for shares in GRADES[2:5]:
        for noise in (0.25, 0.6, 1.5):
            apart = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
            given = np.exp(-apart / noise)
            joint = np.array(shares)[:, None] * given / given.sum(axis=1, keepdims=True)
            truth, hits = _compute_tau_of_table(joint), []
            for seed in range(samples):
                cells = rng.choice(25, size=n, p=joint.ravel() / joint.sum())
                found = estimate_tau_b((cells // 5).tolist(), (cells % 5).tolist(), seed, 200)
                hits.append(holds(found.ci_low, found.ci_high, truth))
            yield hits


def _compute_tau_of_table(joint: np.ndarray) -> float:
    """Tau-b of a joint distribution, by its definition."""
    signs = np.sign(np.subtract.outer(np.arange(5), np.arange(5)))
    order = np.einsum("ij,kl,ik,jl->", joint, joint, signs, signs)
    first, second = joint.sum(axis=1), joint.sum(axis=0)
    return float(order / np.sqrt((1 - first @ first) * (1 - second @ second)))


def simulate_seeds(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Mean over 3 or 5 seeds of yes-or-no rows and of rewards; seeds differ or do not."""
    for seeds in (3, 5):
        for prompt_sd, seed_sd, rest_sd in ((1, 0, 1), (1, 0.1, 1), (1, 0.2, 1), (1, 0.3, 0.5)):
            hits = []
            for draw in range(samples):
                table = rng.normal(0, prompt_sd, (n, 1)) + rng.normal(0, seed_sd, (1, seeds))
                table = table + rng.normal(0, rest_sd, (n, seeds))
                values = [dict(enumerate(map(float, column))) for column in table.T]
                named = [{str(k): v for k, v in column.items()} for column in values]
                found = summarize_seeds(named, Resampling(draw, 20), "seeds")
                hits.append(holds(found.ci_low, found.ci_high, 0.0))
            yield hits


def simulate_ties(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Preference accuracy in which a tie is half."""
    for p in WINS:
        counts = rng.multinomial(n, p, samples)
        pairs = ([(0.0, 1.0)] * a + [(1.0, 1.0)] * b + [(1.0, 0.0)] * c for a, b, c in counts)
        found = (score_preference_accuracy(Place("m", "b"), each) for each in pairs)
        yield [_holds_score(score, p[2] + p[1] / 2) for score in found]


def simulate_auc(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """AUC of normal scores; half or a fifth of the items are good."""
    for share in (0.5, 0.2):
        good = int(n * share)
        labels = [True] * good + [False] * (n - good)
        for truth in (0.5, 0.6, 0.75, 0.9, 0.97, 0.99):
            apart = NormalDist().inv_cdf(truth) * 2**0.5
            hits = []
            for _ in range(samples):
                scores = rng.normal(size=n) + apart * np.array(labels)
                items = list(zip(scores.tolist(), labels, strict=True))
                hits.append(_holds_score(score_auc(Place("m", "b"), items), truth))
            yield hits


def simulate_perplexity(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Perplexity of documents of 5 to 60 and of 50 to 400 tokens, more and less alike."""
    for shortest, longest in ((5, 60), (50, 400)):
        for shape in (4.0, 20.0):
            hits = []
            for _ in range(samples):
                tokens = rng.integers(shortest, longest, n)
                nll = rng.gamma(shape, 2 / shape, n) * tokens
                rows = zip(nll.tolist(), tokens.tolist(), strict=True)
                score = score_perplexity(Place("m", "b"), [Document(*row) for row in rows])
                hits.append(_holds_score(score, math.exp(2)))
            yield hits


def simulate_reduction(rng: Rng, n: int, samples: int) -> Iterator[Hits]:
    """Relative reduction of flags on the same prompts."""
    for p, q in ((0.2, 0.1), (0.4, 0.4), (0.5, 0.3), (0.9, 0.6)):
        for likeness in (0.0, 0.4, 0.8):
            hits = []
            for _ in range(samples):
                u, v = _draw_pair(rng, n, likeness)
                if (u < p).any():
                    flags = (u < p).tolist(), (v < q).tolist()
                    score = score_relative_reduction(Place("m", "b"), *flags, None)
                    hits.append(_holds_score(score, 1 - q / p))
            yield hits


def _holds_score(score: Score, truth: float) -> bool:
    low = -np.inf if score.ci_low is None else score.ci_low
    high = np.inf if score.ci_high is None else score.ci_high
    return holds(low, high, truth)


@dataclass(frozen=True)
class Row:
    """One interval of the table."""

    name: str
    simulate: Simulate
    share: float
    """Of the samples: what a bootstrap costs."""
    held: bool = True
    """Whether the claim is about it; else it is what another row replaced."""


ROWS = (
    Row("rate: Wilson", simulate_wilson, 1),
    Row("mean of grades: Wilson by effective rows", simulate_grades, 1),
    Row("  (Student's t)", simulate_student_grades, 1, held=False),
    Row("win rate with ties: same", simulate_win_rates, 1),
    Row("mean reward: Student's t", simulate_rewards, 1),
    Row("mean reward: bootstrap, expanded percentiles", simulate_bootstrap, 0.5),
    Row("paired rates: Newcombe", simulate_newcombe, 0.5),
    Row("paired grades: bootstrap", simulate_paired, 0.1),
    Row("  (its test: share of p > .05)", simulate_paired_test, 0.3, held=False),
    Row("CAS: square-and-add", simulate_cas, 0.5),
    Row("Cohen's kappa", simulate_kappa, 0.5),
    Row("Fleiss' kappa, 3 judges: bootstrap", simulate_fleiss, 0.1),
    Row("alpha nominal: bootstrap", simulate_alpha_nominal, 0.1),
    Row("alpha ordinal: bootstrap", simulate_alpha_ordinal, 0.1),
    Row("alpha interval: bootstrap", simulate_alpha_interval, 0.1),
    Row("macro F1: bootstrap", simulate_macro_f1, 0.1),
    Row("tau-b: bootstrap", simulate_tau, 0.1),
    Row("3 and 5 seeds: two-way variance", simulate_seeds, 0.25),
    Row("preference accuracy with ties: same as rates", simulate_ties, 0.5),
    Row("relative reduction: Bonett-Price", simulate_reduction, 0.5),
    Row("perplexity: delta method, Student's t", simulate_perplexity, 0.5),
    Row("AUC: DeLong and Hanley-McNeil by effective rows", simulate_auc, 0.25),
)


def measure_row(row: Row, n: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """Coverage in percent: mean, lowest and highest over the cases."""
    rng = np.random.default_rng(seed)
    count = max(20, int(samples * row.share))
    cases = [100 * float(np.mean(hits)) for hits in row.simulate(rng, n, count)]
    return {
        "interval": row.name,
        "n": n,
        "coverage": float(np.mean(cases)),
        "low": min(cases),
        "high": max(cases),
        "cases": len(cases),
        "samples": count,
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    for row in ROWS:
        for n in (50, 200):
            found = measure_row(row, n, arguments.samples)
            results.append(found)
            print(
                f"{found['interval']:46} n={n:<4} {found['coverage']:5.1f} %"
                f"  [{found['low']:5.1f}, {found['high']:5.1f}]"
                f"  {found['cases']} cases x {found['samples']}",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
