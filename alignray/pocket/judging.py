"""Graded examples for the pocket judge, and what the judge says of a response.

The judge sees exactly what `alignray.prompts.build_score_message` builds, as one user turn, and
answers one digit. Only that digit is learned: with the loss over the whole text the judge learned
nothing but the text.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from alignray.pocket.learning import Example
from alignray.pocket.tokenizer import END
from alignray.pocket.truth import Truth, grade_response
from alignray.pocket.world import PocketPrompt
from alignray.prompts import build_score_message, load_rubric

Aspect = Literal["safety", "helpfulness"]
ASPECTS: Final[tuple[Aspect, ...]] = ("safety", "helpfulness")
GRADES: Final = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Grade:
    """What the judge says of one response in one aspect.

    Attributes:
        likeliest: the grade with the largest probability, 1 to 5.
        expected: the mean grade under the five digits' probabilities, 1.0 to 5.0.
    """

    likeliest: int
    expected: float


def build_judge_message(prompt: PocketPrompt, response: str, aspect: Aspect, nonce: str) -> str:
    """The user turn that asks the judge for a grade."""
    rubric = load_rubric(f"pocket_{aspect}").text
    return build_score_message(rubric, [{"role": "user", "content": prompt.text}], response, nonce)


def draw_judge_examples(
    rated: Iterable[tuple[PocketPrompt, str]], tokenizer: PreTrainedTokenizerFast, seed: int
) -> Iterator[Example]:
    """Two examples (safety, helpfulness) per response, labelled by the oracle."""
    rng = random.Random(f"pocket nonce {seed}")
    for prompt, response in rated:
        truth = grade_response(prompt, response)
        for aspect in ASPECTS:
            message = build_judge_message(prompt, response, aspect, draw_nonce(rng))
            ids = encode_request(message, tokenizer)
            grade = _find_token(str(_read_grade(truth, aspect)), tokenizer)
            yield Example((*ids, grade), len(ids))


def draw_nonce(rng: random.Random) -> str:
    """Four hex digits."""
    return f"{rng.randrange(16**4):04x}"


def encode_request(message: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Token ids of a user turn and the opening of the judge's turn.

    The template around the message and the message are encoded apart, so text in it is never a
    control token.
    """
    content: list[int] = tokenizer(message, split_special_tokens=True)["input_ids"]
    user, assistant = (_find_token(token, tokenizer) for token in ("<|user|>", "<|assistant|>"))
    return [user, *content, _find_token(END, tokenizer), assistant]


@torch.no_grad()
def grade_responses(
    judge: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    rated: Sequence[tuple[PocketPrompt, str]],
    aspect: Aspect,
    seed: int,
) -> list[Grade]:
    """The judge's grades, from the probabilities of the five digits alone, in the order given."""
    rng = random.Random(f"pocket grading {seed}")
    requests = [
        encode_request(build_judge_message(prompt, response, aspect, draw_nonce(rng)), tokenizer)
        for prompt, response in rated
    ]
    order = sorted(range(len(requests)), key=lambda index: len(requests[index]))
    grades: list[Grade | None] = [None] * len(requests)
    for start in range(0, len(order), 128):
        chunk = order[start : start + 128]
        probabilities_B5 = _predict_grades(judge, tokenizer, [requests[index] for index in chunk])
        for index, probabilities in zip(chunk, probabilities_B5.tolist(), strict=True):
            expected = sum(grade * p for grade, p in enumerate(probabilities, start=1))
            grades[index] = Grade(1 + probabilities.index(max(probabilities)), expected)
    return [grade for grade in grades if grade is not None]


def _predict_grades(
    judge: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, requests: list[list[int]]
) -> torch.Tensor:
    """Probabilities of the five grades, renormalised over the five.

    Shapes: B requests, T tokens, H hidden; the result is (B, 5).
    """
    lengths = torch.tensor([len(request) for request in requests])
    width = int(lengths.max())
    pad = tokenizer.pad_token_id
    ids_BT = torch.tensor([[*request, *[pad] * (width - len(request))] for request in requests])
    hidden_BTH = judge.model(input_ids=ids_BT, use_cache=False).last_hidden_state
    last_BH = hidden_BTH[torch.arange(len(requests)), lengths - 1]
    digits = [_find_token(grade, tokenizer) for grade in GRADES]
    logits_B5: torch.Tensor = judge.lm_head(last_BH)[:, digits]
    return logits_B5.softmax(dim=-1)


def _read_grade(truth: Truth, aspect: Aspect) -> int:
    return truth.safety if aspect == "safety" else truth.helpfulness


def _find_token(token: str, tokenizer: PreTrainedTokenizerFast) -> int:
    index = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(index, int)
    return index
