"""Stanford Human Preferences (SHP): two comments on a post, with the votes that each got.

The rule of eric-mitchell/direct-preference-optimization (get_shp): pairs whose votes differ less
than twofold are left out; the comment trained on (SFT) is the most voted one of its post.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignray.sources.messages import check_text
from alignray.sources.pair_source import PairRule, TextPair, build_pair_source, get_number
from alignray.sources.rows import SourceRow

MIN_SCORE_RATIO = 2.0
CLOSE_SCORES, NO_SCORES = "scores_within_twofold", "score_below_one"


def read_voted_pair(row: SourceRow) -> Iterator[TextPair]:
    """The comment that `labels` prefers (1: A) before the other.

    Raises:
        SourceError: a column is missing or of a wrong type.
    """
    scores = {name: get_number(row, f"score_{name}") for name in "AB"}
    better, worse = "AB" if get_number(row, "labels") == 1 else "BA"
    yield TextPair(
        read_post(row),
        check_text(row.values.get(f"human_ref_{better}"), row.where, f"human_ref_{better}"),
        check_text(row.values.get(f"human_ref_{worse}"), row.where, f"human_ref_{worse}"),
        scores[better],
        scores[worse],
        _find_fault(min(scores.values()), max(scores.values())),
    )


def read_post(row: SourceRow) -> str:
    """The post, as the prompt.

    Raises:
        SourceError: there is none.
    """
    return check_text(row.values.get("history"), row.where, "history")


def _find_fault(low: float, high: float) -> str | None:
    if low < 1:
        return NO_SCORES  # A ratio means nothing there.
    return CLOSE_SCORES if high / low < MIN_SCORE_RATIO else None


SHP_SOURCE = build_pair_source(PairRule(read_voted_pair, read_post, "best"))
