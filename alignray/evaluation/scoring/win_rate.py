"""AlpacaEval's win rate against a reference, its standard error and discrete form. Pure.

    share_i = preference_i - 1, a tie (0 or 1.5) is 0.5, null is left out and counted as unscored
    win_rate = 100 * mean(share)        standard_error = 100 * sd(share, ddof=1) / sqrt(n)
    discrete_win_rate = 100 * (n_wins + n_draws / 2) / n

as in `describe_head2head` of tatsu-lab/alpaca_eval. The interval is ours: Wilson's with the
effective number of rows n * p(1-p) / variance (Korn and Graubard, Survey Methodology 24 (1998)
193), which is Wilson's own where every row is a win or a loss, and has sense at 0 and 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.score import Measure, Place, Score
from alignray.ranking.intervals import Z95

WIN_RATE = Measure(
    "win_rate",
    "Win rate against the reference, percent",
    "higher",
    0,
    100,
    "What people prefer: it is one judge's word, and such judges favour longer answers, lists and"
    " their own style. Not safety; not length-controlled.",
)
LENGTH_CONTROLLED = Measure(
    "length_controlled_winrate",
    "Win rate if both answers were equally long, percent",
    "higher",
    0,
    100,
    "The mean of the publisher's own predictions in the file (glm_preference), not fitted here;"
    " it says what a linear model makes of the judge's preferences, not what people prefer.",
)


def flip_preference(preference: float | None) -> float | None:
    """The preference if the two outputs changed places: 1 for 2; ties stay as they are."""
    return preference if not preference else 3 - preference


def score_win_rate(place: Place, preferences: Sequence[float | None]) -> Score:
    """The win rate of output_2.

    Args:
        place: model and benchmark.
        preferences: 1 to 2, 0 for a tie, None for a judge that could not be read.

    Raises:
        EvaluationError: no preference could be read.
    """
    shares = [(value or 1.5) - 1 for value in preferences if value is not None]
    unscored = len(preferences) - len(shares)
    if not shares:
        where = f"win_rate of {place.model} on {place.benchmark}"
        raise EvaluationError(where, f"no scored rows ({unscored} unscored)", "at least one")
    n, total = len(shares), len(preferences)
    wins, losses = sum(share > 0.5 for share in shares), sum(share < 0.5 for share in shares)
    draws = n - wins - losses
    counts = {"n_total": n, "n_wins": wins, "n_wins_base": losses, "n_draws": draws}
    extra = {
        "win_rate": 100 * math.fsum(shares) / n,
        "standard_error": _compute_standard_error(shares),
        **counts,
        "discrete_win_rate": 100 * (wins + draws / 2) / n,
        "low_bound": 100 * math.fsum(shares) / total,
        "high_bound": 100 * (math.fsum(shares) + unscored) / total,
    }
    return _build_score(WIN_RATE, place, shares, unscored, extra)


def score_length_controlled(place: Place, predictions: Sequence[float]) -> Score:
    """The length-controlled win rate of predictions that the publisher's code left in a file.

    Args:
        place: model and benchmark.
        predictions: `glm_preference` of each row, 0 to 1.

    Raises:
        EvaluationError: no prediction.
    """
    if not predictions:
        where = f"{LENGTH_CONTROLLED.name} of {place.model} on {place.benchmark}"
        raise EvaluationError(where, "no predictions", "at least one")
    extra = {"lc_standard_error": _compute_standard_error(predictions)}
    return _build_score(LENGTH_CONTROLLED, place, predictions, 0, extra)


def _build_score(
    measure: Measure,
    place: Place,
    shares: Sequence[float],
    unscored: int,
    extra: dict[str, float | int | None],
) -> Score:
    low, high = compute_share_interval(shares)
    return Score(
        measure,
        place.model,
        place.benchmark,
        100 * math.fsum(shares) / len(shares),
        100 * low,
        100 * high,
        None,
        len(shares),
        unscored,
        "Wilson interval of the effective number of rows",
        extra,
    )


def _compute_standard_error(shares: Sequence[float]) -> float | None:
    """100 * sd / sqrt(n) with ddof=1; None for a single row, where it is not defined."""
    n = len(shares)
    if n < 2:
        return None
    mean = math.fsum(shares) / n
    squares = math.fsum((share - mean) ** 2 for share in shares)
    return 100 * math.sqrt(squares / (n - 1) / n)


def compute_share_interval(shares: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of values from 0 to 1, within 0 and 1; at least one value."""
    n = len(shares)
    mean = math.fsum(shares) / n
    variance = math.fsum((share - mean) ** 2 for share in shares) / n
    effective = float(n)
    if variance > 1e-12:
        effective = n * max(1.0, mean * (1 - mean) / variance)
    scale = 1 + Z95 * Z95 / effective
    middle = (mean + Z95 * Z95 / (2 * effective)) / scale
    spread = mean * (1 - mean) / effective + (Z95 / (2 * effective)) ** 2
    half = Z95 / scale * math.sqrt(max(0.0, spread))
    low = 0.0 if mean <= 0 else max(0.0, middle - half)
    high = 1.0 if mean >= 1 else min(1.0, middle + half)
    return low, high
