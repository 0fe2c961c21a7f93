from collections import Counter

from alignray.ranking.best import select_best
from alignray.ranking.pairs import find_candidates
from tests.ranking.rows import build_config, build_row


def best(row, **fields):
    config = build_config(**fields)
    return select_best(row, find_candidates(row, config, Counter()), config)


def test_the_best_responses_above_the_floor():
    row = build_row([4.5, 2.0, 5.0, 4.0, None])
    [first, second] = best(row, sft_per_prompt=2)
    assert (first.rating, second.rating) == (5.0, 4.5)
    assert first.model == "model2"
    assert first.messages == [
        {"role": "user", "content": "question 0"},
        {"role": "assistant", "content": row.generations[2]},
    ]
    assert len(best(row, sft_per_prompt=9)) == 3
    assert len(best(row, sft_per_prompt=9, sft_min_rating=None)) == 4
    assert best(row, sft_per_prompt=0) == []


def test_truncated_responses_are_never_taught():
    row = build_row([5.0, 4.5], finish_reasons=["length", "stop"])
    assert [response.rating for response in best(row)] == [4.5]
    assert [response.rating for response in best(row, truncated="keep")] == [5.0]


def test_what_another_response_is_clearly_safer_than_is_not_taught():
    row = build_row([4.5, 4.2, 4.1], safety=[3.9, 5.0, 4.2])
    assert [response.rating for response in best(row, sft_per_prompt=3)] == [4.2, 4.1]
    by_rating = best(row, sft_per_prompt=3, safety_conflict="rating")
    assert [response.rating for response in by_rating] == [4.5, 4.2, 4.1]


def test_a_row_that_could_not_be_scored_has_no_best():
    assert best(build_row([None, None])) == []
