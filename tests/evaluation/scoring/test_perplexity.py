from __future__ import annotations

import math

import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.perplexity import Document, score_perplexity
from alignray.evaluation.scoring.score import Place

PLACE = Place("m", "documents")


def test_it_is_over_tokens_not_over_documents() -> None:
    documents = [Document(100 * math.log(2), 100), Document(math.log(64), 1)]
    score = score_perplexity(PLACE, documents)
    assert score.value == pytest.approx(2 ** (106 / 101))
    assert score.value < 2.1  # a mean of means would be 2 ** 3.5
    assert score.extra["tokens"] == 101
    assert score.extra["bits_per_token"] == pytest.approx(106 / 101)


def test_documents_without_likelihood_are_counted() -> None:
    score = score_perplexity(PLACE, [Document(5.0, 5), None, Document(0.0, 0)])
    assert (score.n, score.unscored) == (1, 2)
    assert score.ci_low is None and score.ci_high is None
    assert score.value == pytest.approx(math.e)


@pytest.mark.parametrize("documents", [[], [None], [Document(0, 0)], [Document(8000.0, 1)]])
def test_without_a_number_it_is_an_error(documents: list[Document | None]) -> None:
    with pytest.raises(EvaluationError):
        score_perplexity(PLACE, documents)


def test_an_upper_end_beyond_numbers_is_left_out() -> None:
    score = score_perplexity(PLACE, [Document(600.0, 1), Document(1200.0, 2), Document(1.0, 1)])
    assert math.isfinite(score.value)
    assert score.ci_high is None
    assert score.ci_low is not None


def test_equal_documents_have_no_spread() -> None:
    score = score_perplexity(PLACE, [Document(2.0, 4)] * 10)
    assert score.ci_low == score.ci_high == pytest.approx(score.value)


def test_the_interval_covers_95_percent() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(2000):
        tokens = rng.integers(5, 60, 120)
        means = rng.gamma(4.0, 0.5, 120)  # nats per token of each document, 2 on average
        documents = [Document(float(m * t), int(t)) for m, t in zip(means, tokens, strict=True)]
        score = score_perplexity(PLACE, documents)
        assert score.ci_low is not None and score.ci_high is not None
        inside += score.ci_low <= math.exp(2.0) <= score.ci_high
    assert 0.935 <= inside / 2000 <= 0.965


def test_few_documents_have_students_quantile_and_say_so() -> None:
    documents = [Document(8.0, 4), Document(12.0, 4)]  # 2 and 3 nats per token
    score = score_perplexity(PLACE, documents)
    assert score.ci_high == pytest.approx(math.exp(2.5 + 12.706204736 * 0.5))
    assert "short of 95 % below 50 documents" in score.method
    assert "short" not in score_perplexity(PLACE, documents * 25).method
