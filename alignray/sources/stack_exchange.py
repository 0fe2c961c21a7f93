"""StackExchange preferences (HuggingFaceH4): a question and its answers, each with a vote score.

The rule of eric-mitchell/direct-preference-optimization (get_se): every two answers of a question
are a pair, the higher score chosen; the answer trained on (SFT) is that of the highest score; the
first hundredth of the questions is the test set. Differences: ties are left out instead of taken
as if the second were better, and inline links and code stay in the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Literal

from alignray.errors import SourceError
from alignray.sources.html_text import strip_html
from alignray.sources.messages import check_text, describe_columns
from alignray.sources.pair_source import PairRule, TextPair, build_pair_source
from alignray.sources.rows import SourceRow, open_rows
from alignray.sources.source import Source, SourceRequest

TEST_SHARE = 0.01
TIE, ONE_ANSWER = "tied_scores", "fewer_than_two_answers"
Part = Literal["all", "train", "test"]


def read_answer_pairs(row: SourceRow) -> Iterator[TextPair]:
    """All pairs of the answers of a question, in the order of the answers.

    Raises:
        SourceError: a column is missing or of a wrong type.
    """
    question = read_question(row)
    answers = _read_answers(row)
    if len(answers) < 2:
        yield TextPair(question, "", "", fault=ONE_ANSWER)
    for one, other in itertools.combinations(answers, 2):
        (score, text), (low, worse) = (one, other) if one[0] >= other[0] else (other, one)
        yield TextPair(question, text, worse, score, low, TIE if score == low else None)


def read_question(row: SourceRow) -> str:
    """The question as plain text.

    Raises:
        SourceError: there is none.
    """
    return strip_html(check_text(row.values.get("question"), row.where, "question"))


def _read_answers(row: SourceRow) -> list[tuple[float, str]]:
    answers = row.values.get("answers")
    if not isinstance(answers, list):
        raise SourceError(row.where, describe_columns(row.values), "question and a list of answers")
    return [_read_answer(answer, f"{row.where} answer {i}") for i, answer in enumerate(answers)]


def _read_answer(answer: Any, where: str) -> tuple[float, str]:
    score = answer.get("pm_score") if isinstance(answer, dict) else None
    if not isinstance(score, int | float):
        raise SourceError(where, "no number in pm_score", "text and pm_score")
    return float(score), strip_html(check_text(answer.get("text"), where, "text"))


def build_stack_exchange_source(part: Part) -> Source:
    """StackExchange for the registry, whole or without (or only) its first hundredth."""

    def _select(request: SourceRequest, rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
        if part == "all":
            return rows
        # The rule counts first: the size of the test set is a share of all questions.
        count = sum(1 for _ in open_rows(request.name, revision=request.revision))
        cut = int(TEST_SHARE * count)
        return itertools.islice(rows, cut) if part == "test" else itertools.islice(rows, cut, None)

    return build_pair_source(PairRule(read_answer_pairs, read_question, "best", _select))
