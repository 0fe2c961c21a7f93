"""Which of two models' answers is better: every pair in both orders, one token per verdict.

A judge favours a place (Zheng et al., arXiv 2306.05685, section 3.3), so each pair of answers is
shown in both orders; only if both name the same winner has it won, else the pair is a tie. What the
judge's probabilities say, averaged over the orders, is kept beside it as the soft preference.

A message is rubric, prompt, answer A, answer B, and the requests of a row are in trie order: those
that share the longest beginning are neighbours. An engine with prefix caching reads [rubric,
prompt] once per row and [rubric, prompt, A] once per answer; for 20 ordered pairs of 5 answers
that is a third of the tokens or less (`benchmarks/pairwise_prefill.py`). Equal answers are a tie
without a question, and an answer that several models give is shown once.

Rows are `JUDGEMENT_SCHEMA` with one entry per compared pair of models:

    models  `model|against` (`name_pair`; names in a configuration hold no `|`)
    labels  win, loss, tie: of the model
    values  1.0, 0.0, 0.5: their mean is the win rate, ties half
    scores  first_order, second_order: probability of the model where it is shown first, second
            preference: their mean; flipped: 1 where the orders name different winners
            first_place: share of the two verdicts that chose the answer shown first
            equal answers have preference (0.5) alone
    reasons why there is no verdict: one of the two orders has none, or a model gave no answer

Not measured: how much better; why; and whether the judge likes length, or its own style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa

from alignray.config.judges import CompareJudgeConfig
from alignray.evaluation.judges.judgement import (
    JUDGEMENT_SCHEMA,
    Judgement,
    build_empty_judgement_row,
    build_judgement_row,
    compute_judgement_key,
)
from alignray.evaluation.judges.labels import (
    LabelVerdict,
    build_label_request,
    count_tokens,
    hash_form,
    read_shares,
)
from alignray.inference.engine import Request, RequestRejected, Result
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_salt
from alignray.prompts import build_compare_message, load_rubric
from alignray.ranking.judging import check_judgeable, choose_nonce
from alignray.records import RowStatus

PLACES = ("A", "B")
"""The labels: the answer shown first, the one shown second."""
WIN, LOSS, TIE = "win", "loss", "tie"
_VALUES = {WIN: 1.0, LOSS: 0.0, TIE: 0.5}
PAIR_SEPARATOR = "|"


def name_pair(model: str, against: str) -> str:
    """How a row names a comparison, e.g. `sft|base`."""
    return f"{model}{PAIR_SEPARATOR}{against}"


class CompareTask:
    """Pairs of answers to one prompt; see `alignray.inference.row_task.RowTask`."""

    output_schema: pa.Schema = JUDGEMENT_SCHEMA

    def __init__(
        self, name: str, config: CompareJudgeConfig, models: Sequence[str], seed: int = 0
    ) -> None:
        """Builds the task.

        Args:
            name: of the judge in the configuration; the rows' `judge`.
            config: engine, rubric, which pairs.
            models: names of all models compared, two or more; the first is the reference. A row
                need not have an answer of each.
            seed: of the marks around the compared text.

        Raises:
            SourceError: the rubric is missing.
            ModelError: the judge is missing.
        """
        self._name = name
        self._rubric = load_rubric(config.rubric)
        self._seed = seed
        self._pairs = list_model_pairs(models, every=config.pairs == "all")
        form = build_compare_message("R", [{"role": "user", "content": "P"}], ("A", "B"), "0000")
        self.salt = compute_salt(
            {
                "stage": "judge",
                "kind": config.type,
                "name": name,
                "judge": describe_engine(config.engine),
                "rubrics": [self._rubric.digest],
                "form": hash_form(form),
                "pairs": self._pairs,
                "seed": seed,
            }
        )

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Judge, rubric, pairs (the salt), prompt id, conversation, answers and their models."""
        return compute_judgement_key(self.salt, row)

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """Both orders of every pair of different answers, in trie order; none if all are equal.

        Raises:
            RequestRejected: fewer than two answers, or two of one model.
        """
        check_judgeable(row, at_least=2)
        if len(set(row["generation_models"])) < len(row["generation_models"]):
            raise RequestRejected("two answers of one model")
        nonce, key = choose_nonce(row, self._seed), self.compute_key(row)
        return [
            build_label_request(
                f"{key}-{number}",
                build_compare_message(self._rubric.text, row["messages"], shown, nonce),
                PLACES,
                "logprobs",
                self._seed,
            )
            for number, shown in enumerate(list_presentations(self._list_answers(row)))
        ]

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """One judgement per pair of models."""
        pairs = self._list_answers(row)
        presentations = list_presentations(pairs)
        verdicts = {
            shown: read_shares(result, PLACES)
            for shown, result in zip(presentations, results, strict=True)
        }
        judgements = [
            _judge_pair(names, pair, verdicts)
            for names, pair in zip(self._pairs, pairs, strict=True)
        ]
        built = build_judgement_row(
            self._rename(row), self._name, self.compute_key(row), judgements
        )
        return built | count_tokens(results)

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row with its reason for every pair."""
        key = self.compute_key(row)
        return build_empty_judgement_row(self._rename(row), self._name, key, status, reason)

    def _list_answers(self, row: Mapping[str, Any]) -> list[AnswerPair]:
        """Answers of each pair of models."""
        found = dict(zip(row["generation_models"], row["generations"], strict=True))
        return [AnswerPair(found.get(model), found.get(against)) for model, against in self._pairs]

    def _rename(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "generation_models": [name_pair(*names) for names in self._pairs]}


@dataclass(frozen=True)
class AnswerPair:
    """The answers of two models to one prompt; None where a model gave none.

    Example: `AnswerPair("With flour and water.", "I cannot help with that.")`.
    """

    answer: str | None
    against: str | None


def list_model_pairs(models: Sequence[str], *, every: bool) -> list[tuple[str, str]]:
    """(model, against): each later model against the first, or against every earlier one."""
    if every:
        return [(later, earlier) for earlier, later in combinations(models, 2)]
    return [(model, models[0]) for model in models[1:]]


def list_presentations(pairs: Sequence[AnswerPair]) -> list[tuple[str, str]]:
    """(A, B) of every request: both orders of the pairs of different answers, each once.

    Sorted texts are a trie read from left to right: each shares with its neighbour the longest
    beginning that it shares with any.
    """
    shown = set()
    for pair in pairs:
        answer, against = pair.answer, pair.against
        if answer is not None and against is not None and answer != against:
            shown |= {(answer, against), (against, answer)}
    return sorted(shown)


def combine_orders(first: LabelVerdict, second: LabelVerdict) -> Judgement:
    """A model's judgement from the verdict where it is A and the one where it is B.

    An order in which both places have the same probability names no winner.
    """
    reason = first.reason or second.reason
    if reason is not None:
        return Judgement(reason=reason)
    chances = (first.shares["A"], second.shares["B"])
    winners = [_compare_to_half(chance) for chance in chances]
    label = TIE
    if winners[0] == winners[1] != 0:
        label = WIN if winners[0] > 0 else LOSS
    scores = {
        "first_order": chances[0],
        "second_order": chances[1],
        "preference": sum(chances) / 2,
        "flipped": float(winners[0] * winners[1] < 0),
        "first_place": (winners[0] - winners[1] + 2) / 4,
    }
    return Judgement(label, _VALUES[label], scores)


def _judge_pair(
    names: tuple[str, str],
    pair: AnswerPair,
    verdicts: Mapping[tuple[str, str], LabelVerdict],
) -> Judgement:
    answer, against = pair.answer, pair.against
    if answer is None or against is None:
        missing = names[0] if answer is None else names[1]
        return Judgement(reason=f"no answer of {missing}")
    if answer == against:
        return Judgement(TIE, _VALUES[TIE], {"preference": 0.5})
    return combine_orders(verdicts[answer, against], verdicts[against, answer])


def _compare_to_half(chance: float) -> int:
    """1 above one half, -1 below, 0 at it (to nine digits: log-probabilities are rounded)."""
    distance = round(chance - 0.5, 9)
    return (distance > 0) - (distance < 0)
