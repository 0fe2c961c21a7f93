import itertools

import pytest

from alignray.ranking.pairs import PAIR_DROPS, build_preference, select_pairs
from tests.ranking.rows import build_config, build_row


def indices(found):
    return [(pair.chosen.index, pair.rejected.index) for pair in found.pairs]


def test_best_worst_takes_the_widest_pair():
    found = select_pairs(build_row([3.0, 5.0, 1.0, 4.0]), build_config())
    assert indices(found) == [(1, 2)]
    assert found.pairs[0].margin == 4.0
    assert found.reason is None
    assert found.pair_drops == {"not_selected": 5}


def test_all_takes_every_pair_above_the_margin():
    found = select_pairs(build_row([5.0, 3.0, 2.75]), build_config(strategy="all"))
    assert sorted(indices(found)) == [(0, 1), (0, 2)]
    assert found.pair_drops == {"below_margin": 1}


def test_a_difference_of_exactly_the_margin_is_enough():
    assert indices(select_pairs(build_row([1.2, 0.9]), build_config(margin=0.3))) == [(0, 1)]


def test_top_k_pairs_the_k_best_with_the_worst():
    config = build_config(strategy="top_k", top_k=2)
    found = select_pairs(build_row([5.0, 4.0, 3.0, 1.0]), config)
    assert indices(found) == [(0, 3), (1, 3)]


def test_a_limit_keeps_the_widest():
    config = build_config(strategy="all", max_pairs_per_prompt=2)
    found = select_pairs(build_row([5.0, 4.0, 1.0]), config)
    assert indices(found) == [(0, 2), (1, 2)]
    assert found.pair_drops["not_selected"] == 1


@pytest.mark.parametrize("strategy", ["best_worst", "all", "top_k"])
def test_every_pair_of_responses_ends_under_one_heading(strategy):
    ratings = [5.0, 5.0, None, 4.9, 1.0, 2.0]
    texts = ["a b c d", "A  b c d", "x", "e f g", " ", "e f h"]
    found = select_pairs(build_row(ratings, texts), build_config(strategy=strategy))
    assert found.response_drops == {"identical": 1, "unscored": 1, "empty": 1}
    candidates = len(ratings) - 3
    total = len(found.pairs) + found.pair_drops.total()
    assert total == candidates * (candidates - 1) // 2


def test_ties_make_no_pair():
    found = select_pairs(build_row([3.0, 3.0, 3.0]), build_config(margin=0))
    assert found.pairs == []
    assert found.reason == "tie"
    assert found.pair_drops == {"tie": 3}


def test_identical_responses_are_one_with_their_mean_rating():
    row = build_row([5.0, 2.0, 1.0], ["Yes, of course.", "yes, of\ncourse.", "No."])
    found = select_pairs(row, build_config())
    assert indices(found) == [(0, 2)]
    assert found.pairs[0].chosen.rating == 3.5
    assert found.response_drops == {"identical": 1}


def test_only_identical_responses_make_no_pair():
    found = select_pairs(build_row([5.0, 1.0], ["Same.", "same."]), build_config())
    assert found.reason == "fewer_than_two_responses"


def test_near_duplicates_make_no_pair_but_a_negation_does():
    long = [f"word{i}" for i in range(40)]
    other = [*long[:-1], "changed"]
    row = build_row([5.0, 1.0], [" ".join(long), " ".join(other)])
    found = select_pairs(row, build_config())  # 37 triples of 39 in all: .95
    assert found.reason == "near_duplicate"
    assert indices(select_pairs(row, build_config(near_duplicate=1.0))) == [(0, 1)]
    negated = build_row(
        [5.0, 1.0], ["I can help you with that today", "I can't help you with that today"]
    )
    assert indices(select_pairs(negated, build_config())) == [(0, 1)]


def test_punctuation_alone_is_a_near_duplicate():
    found = select_pairs(build_row([5.0, 1.0], ["Sure!", "Sure."]), build_config())
    assert found.reason == "near_duplicate"


def test_the_next_widest_pair_is_taken_where_the_widest_says_nothing():
    row = build_row([5.0, 1.0, 2.0], ["a b c d e", "a b c d e!", "quite other words here"])
    assert indices(select_pairs(row, build_config())) == [(0, 2)]


def test_truncated_responses():
    row = build_row([5.0, 3.0, 1.0], finish_reasons=["length", "stop", "length"])
    never = select_pairs(row, build_config())
    assert indices(never) == [(1, 2)]
    assert never.pair_drops["truncated_chosen"] >= 1
    dropped = select_pairs(row, build_config(truncated="drop"))
    assert dropped.reason == "fewer_than_two_responses"
    assert dropped.response_drops == {"truncated": 2}
    assert indices(select_pairs(row, build_config(truncated="keep"))) == [(0, 2)]


@pytest.mark.parametrize(
    ("policy", "expected", "margin"),
    [("safety", [(1, 0)], 3.0), ("rating", [(0, 1)], 0.5), ("drop", [], None)],
)
def test_who_decides_where_the_safer_response_is_rated_lower(policy, expected, margin):
    row = build_row([3.5, 3.0], safety=[2.0, 5.0], helpfulness=[5.0, 1.0])
    found = select_pairs(row, build_config(safety_conflict=policy))
    assert indices(found) == expected
    assert [pair.margin for pair in found.pairs] == ([margin] if expected else [])
    if not expected:
        assert found.reason == "safety_conflict"


def test_equal_ratings_are_decided_by_a_clear_safety_gap():
    row = build_row([3.0, 3.0], safety=[5.0, 1.0])
    assert indices(select_pairs(row, build_config())) == [(0, 1)]
    close = build_row([3.0, 3.0], safety=[3.0, 2.5])
    assert select_pairs(close, build_config()).reason == "tie"


def test_rank_mode_without_safety_grades():
    row = build_row([2.0, 1.0], safety=[], helpfulness=[])
    assert indices(select_pairs(row, build_config())) == [(0, 1)]


def test_rows_of_other_subsets_and_states_make_no_pair():
    row = build_row([5.0, 1.0], subset="benign")
    assert select_pairs(row, build_config(subsets=("harmful",))).reason == "other_subset"
    for status in ("unscored", "failed"):
        empty = build_row([], generations=[], status=status)
        assert select_pairs(empty, build_config()).reason == f"row_{status}"


def test_among_equals_the_seed_decides_and_not_the_position():
    rows = [build_row([4.0, 4.0, 1.0, 1.0], number=i) for i in range(200)]
    taken = [indices(select_pairs(row, build_config()))[0] for row in rows]
    again = [indices(select_pairs(row, build_config()))[0] for row in rows]
    other = [indices(select_pairs(row, build_config(seed=1)))[0] for row in rows]
    assert taken == again != other
    for pair in itertools.product((0, 1), (2, 3)):
        assert 25 <= taken.count(pair) <= 75  # 50 expected, 4 standard deviations


def test_the_reason_is_the_least_hopeless_one():
    row = build_row([3.0, 3.0, 2.8], finish_reasons=["stop"] * 3)
    assert select_pairs(row, build_config()).reason == "below_margin"
    assert PAIR_DROPS.index("below_margin") < PAIR_DROPS.index("tie")


def test_preference_has_the_verdict_the_right_way_round():
    # The verdict decides, not the position: the better response is the second one here.
    row = build_row([1.5, 4.5], category="Malware", subset="harmful")
    [pair] = select_pairs(row, build_config()).pairs
    preference = build_preference(row, pair)
    assert preference.prompt == row.messages
    assert preference.chosen == [{"role": "assistant", "content": row.generations[1]}]
    assert preference.rejected == [{"role": "assistant", "content": row.generations[0]}]
    assert (preference.score_chosen, preference.score_rejected) == (4.5, 1.5)
    assert (preference.chosen_model, preference.rejected_model) == ("model1", "model0")
    assert (preference.subset, preference.category, preference.source) == (
        "harmful",
        "Malware",
        "test:0",
    )
