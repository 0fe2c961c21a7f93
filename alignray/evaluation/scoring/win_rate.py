"""AlpacaEval's win rate against a reference, its standard error and discrete form. Pure.

    share_i = preference_i - 1, a tie (0 or 1.5) is 0.5, null is left out and counted as unscored
    win_rate = 100 * mean(share)        standard_error = 100 * sd(share, ddof=1) / sqrt(n)
    discrete_win_rate = 100 * (n_wins + n_draws / 2) / n

as in `describe_head2head` of tatsu-lab/alpaca_eval. The interval is ours: that of any mean on a
known range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alignray.evaluation.scoring.score import Measure, Place, Score, score_mean

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
    shares = [None if value is None else (value or 1.5) - 1 for value in preferences]
    score = _score_shares(WIN_RATE, place, shares)
    known = [share for share in shares if share is not None]
    wins, losses = sum(share > 0.5 for share in known), sum(share < 0.5 for share in known)
    draws = score.n - wins - losses
    extra = {
        "win_rate": score.value,
        "standard_error": None,  # of a single row: not defined
        "n_total": score.n,
        "n_wins": wins,
        "n_wins_base": losses,
        "n_draws": draws,
        "discrete_win_rate": 100 * (wins + draws / 2) / score.n,
    }
    return replace(score, extra=extra | score.extra)


def score_length_controlled(place: Place, predictions: Sequence[float]) -> Score:
    """The length-controlled win rate of predictions that the publisher's code left in a file.

    Args:
        place: model and benchmark.
        predictions: `glm_preference` of each row, 0 to 1.

    Raises:
        EvaluationError: no prediction.
    """
    score = _score_shares(LENGTH_CONTROLLED, place, predictions)
    error = score.extra.get("standard_error")
    return replace(score, extra=score.extra | {"lc_standard_error": error})


def _score_shares(measure: Measure, place: Place, shares: Sequence[float | None]) -> Score:
    return score_mean(measure, place, [None if s is None else 100 * s for s in shares])
