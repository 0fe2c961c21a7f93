"""TRL's metrics of a DPO batch or of a whole eval set, out of one vector per pair. Pure.

A pair's vector (`build_pair_vectors`, [14, B]) adds up: over the pairs of all workers in training,
in one message, and over the rows of an eval set, each once, whatever the batches were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from alignray.training.dpo_losses import PairScores
from alignray.training.dpo_scores import BranchScores

_PER_PAIR = (
    "rewards/chosen",
    "rewards/rejected",
    "rewards/accuracies",
    "rewards/margins",
    "logps/chosen",
    "logps/rejected",
)
_FIELDS = 6
LOGP, LOSS = 6 + _FIELDS, 7 + _FIELDS
"""Positions of the plain log-probability of the chosen response and of the loss."""


def build_pair_vectors(
    scores: PairScores, policy: BranchScores, losses_B: torch.Tensor, beta: float
) -> torch.Tensor:
    """[14, B]: the six per-pair metrics, the six token fields, chosen log p, loss without `sft`."""
    chosen_B, rejected_B = beta * scores.c_B, beta * scores.r_B
    per_pair = torch.stack(
        [
            chosen_B,
            rejected_B,
            (chosen_B > rejected_B).to(chosen_B.dtype),
            chosen_B - rejected_B,
            scores.policy_chosen_B,
            scores.policy_rejected_B,
        ]
    )
    rest = torch.stack([policy.chosen_logp_B, losses_B])
    return torch.cat([per_pair, policy.fields.to(per_pair.dtype), rest]).detach().double()


def compute_metrics(total: torch.Tensor, pairs: int) -> dict[str, float]:
    """Metrics under TRL's names out of summed vectors [14] of so many pairs."""
    values = total.tolist()
    metrics = {name: values[at] / pairs for at, name in enumerate(_PER_PAIR)}
    chosen, rejected, chosen_logits, rejected_logits, entropy, correct = values[6:LOGP]
    return metrics | {
        "logits/chosen": _divide(chosen_logits, chosen),
        "logits/rejected": _divide(rejected_logits, rejected),
        "entropy": _divide(entropy, chosen + rejected),
        "mean_token_accuracy": _divide(correct, chosen),
    }


def compute_eval_loss(total: torch.Tensor, pairs: int, sft_weight: float) -> float:
    """Mean over pairs, and the likelihood term as the mean over all chosen tokens."""
    values = total.tolist()
    return values[LOSS] / pairs - sft_weight * _divide(values[LOGP], values[6])


def sum_rows(rows: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """The sum of the rows' vectors, in order of the rows so that it is reproducible."""
    return torch.stack([rows[row] for row in sorted(rows)]).sum(dim=0)


def _divide(total: float, count: float) -> float:
    return total / count if count else math.nan
