"""Tries out, on the model itself, whether rows that share a sequence really do not see each other.

Layouts that put several texts into one sequence (`pair_layout.py`, `rows/packing.py`) rest on the
model turning positions or a mask into attention. Some do not: states of recurrent layers run on,
local windows count places in the sequence, kernels read positions of a batch of one alone. No list
of names would stay true, so before the first batch two made-up texts are scored together and apart,
and once more with the other text changed. What is masked has a weight of exactly 0, so a text must
not notice the change of its neighbour at all, in any arithmetic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from alignray.errors import ConfigError, TrainingError
from alignray.training.pair_layout import Layout, build_model_inputs, collate_pairs, split_branches

_PROMPT, _RESPONSE = 6, 7
_CANNOT = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError)


def settle_layout(models: Sequence[Any], policy: Any, asked: str) -> Layout:
    """The shared prefix if it holds on all of these models, else the padded layout.

    Args:
        models: the policy (as it is called, in its wrapper) and the second model, if there is one.
        policy: the policy without its wrapper.
        asked: `auto` or `shared_prefix`.

    Raises:
        ConfigError: `shared_prefix` is asked for and does not hold.
    """
    with evaluating(policy):
        if all(holds_prefix(model, policy) for model in models):
            return "shared_prefix"
    if asked == "shared_prefix":
        raise ConfigError(
            "resources.layout",
            "shared_prefix, but this model lets one response see the other",
            "attention that follows the mask",
            "set resources.layout=padded",
        )
    return "padded"


def holds_prefix(model: Any, policy: Any) -> bool:
    """Whether a rejected response is scored alike beside two chosen ones, and by itself."""
    vocabulary = policy.config.get_text_config().vocab_size
    pairs = [
        {
            "prompt_ids": _draw(vocabulary, 0, _PROMPT),
            "chosen_ids": _draw(vocabulary, seed, _RESPONSE),
            "rejected_ids": _draw(vocabulary, 3, _RESPONSE),
            "row": 0,
        }
        for seed in (1, 2)
    ]

    def score(pair: dict[str, Any], layout: Layout) -> torch.Tensor:
        batch = collate_pairs([pair], 0, layout)
        batch = {name: values.to(policy.device) for name, values in batch.items()}
        inputs = build_model_inputs(batch, layout, policy)
        outputs = model(**inputs, shift_labels=batch["labels"], use_cache=False, fused_lm_head=True)
        rejected = split_branches(outputs.log_probs, batch)[1]
        return rejected[rejected != 0]

    return _agrees(
        lambda: (score(pairs[0], "shared_prefix"), score(pairs[1], "shared_prefix")),
        lambda: score(pairs[0], "padded"),
        policy.dtype,
    )


def check_packing(model: Any, policy: Any, collate: Callable[..., dict[str, torch.Tensor]]) -> None:
    """Makes sure that rows packed into one sequence do not see each other.

    Raises:
        TrainingError: they do.
    """
    vocabulary = policy.config.get_text_config().vocab_size
    last = _draw(vocabulary, 3, _RESPONSE)

    def score(texts: list[list[int]]) -> torch.Tensor:
        ids = [token for text in texts for token in text]
        row = {
            "input_ids": ids,
            "labels": ids,
            "lengths": [len(text) for text in texts],
            "weights": [1.0] * len(texts),
            "row": 0,
        }
        batch = {name: values.to(policy.device) for name, values in collate([row, row]).items()}
        inputs = {name: batch[name] for name in ("input_ids", "position_ids")}
        outputs = model(**inputs, labels=batch["labels"], use_cache=False, fused_lm_head=True)
        return outputs.log_probs.flatten()[-(_RESPONSE - 1) :]

    with evaluating(policy):
        holds = _agrees(
            lambda: tuple(score([_draw(vocabulary, seed, _RESPONSE), last]) for seed in (1, 2)),
            lambda: score([last]),
            policy.dtype,
        )
    if not holds:
        raise TrainingError(
            "packing",
            f"rows of one sequence see each other in {type(policy).__name__}",
            "a model and kernel that start anew where positions do",
            "set packing=false; rows of like length are then batched together",
        )


@contextlib.contextmanager
def evaluating(policy: Any) -> Iterator[None]:
    """No gradients, no dropout; the mode is restored."""
    was_training = policy.training
    policy.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        policy.train(was_training)


def _agrees(
    together: Callable[[], tuple[torch.Tensor, ...]],
    apart: Callable[[], torch.Tensor],
    dtype: torch.dtype,
) -> bool:
    try:
        one, other = (scores.float() for scores in together())
        alone = apart().float()
    except _CANNOT:
        return False
    tolerance = 1e-3 if dtype == torch.float32 else 0.05
    unmoved = (one - other).abs().max() <= 1e-4 * (1 + one.abs().max())
    same = (one.sum() - alone.sum()).abs() <= tolerance * (1 + alone.sum().abs())
    return bool(unmoved and same)


def _draw(vocabulary: int, seed: int, count: int) -> list[int]:
    """Token ids that are the same on all workers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, vocabulary, (count,), generator=generator).tolist()
