"""Per-token log-probabilities of a batch of pairs -> one score per response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from alignray.training.pair_layout import split_branches


@dataclass(frozen=True)
class BranchScores:
    """The responses of a micro-batch of B pairs under one model."""

    chosen_B: torch.Tensor
    """Sum of log p over the tokens of each chosen response (the tail weighted under LD-DPO)."""
    rejected_B: torch.Tensor
    chosen_tokens_B: torch.Tensor
    rejected_tokens_B: torch.Tensor
    chosen_mean_logp: torch.Tensor
    """Mean log p over all chosen tokens: a scalar."""
    totals: torch.Tensor
    """[6]: chosen tokens, rejected tokens, their summed mean logits, entropy of both, correct
    first choices among chosen tokens. Zeros where the model was not asked for them."""


def score_branches(
    outputs: Any, batch: dict[str, torch.Tensor], weights: torch.Tensor | None
) -> BranchScores:
    """Scores out of the per-token fields [R, T] of a fused head.

    Args:
        outputs: `log_probs`, and `mean_logits`, `entropy`, `is_top1` or None.
        batch: from `collate_pairs`.
        weights: [R, T] weights of tokens in the sums, or None for 1 each.
    """
    logp_RT = outputs.log_probs
    chosen_BT, rejected_BT = split_branches(logp_RT, batch)
    tokens = split_branches(torch.ones_like(logp_RT), batch)
    chosen_tokens_B, rejected_tokens_B = (mask.sum(dim=1) for mask in tokens)
    mean = chosen_BT.sum() / chosen_tokens_B.sum().clamp(min=1)
    if weights is not None:
        chosen_BT, rejected_BT = split_branches(logp_RT * weights, batch)
    return BranchScores(
        chosen_BT.sum(dim=1),
        rejected_BT.sum(dim=1),
        chosen_tokens_B,
        rejected_tokens_B,
        mean,
        _sum_fields(outputs, batch, chosen_tokens_B.sum(), rejected_tokens_B.sum()),
    )


def _sum_fields(
    outputs: Any, batch: dict[str, torch.Tensor], chosen: torch.Tensor, rejected: torch.Tensor
) -> torch.Tensor:
    if outputs.entropy is None:
        return torch.zeros(6, device=chosen.device)
    logits = split_branches(outputs.mean_logits.detach(), batch)
    entropies = split_branches(outputs.entropy.detach(), batch)
    correct, _ = split_branches(outputs.is_top1.to(chosen.dtype), batch)
    return torch.stack(
        [
            chosen,
            rejected,
            logits[0].sum(),
            logits[1].sum(),
            entropies[0].sum() + entropies[1].sum(),
            correct.sum(),
        ]
    ).detach()


def weigh_tail(batch: dict[str, torch.Tensor], alpha: float | None) -> torch.Tensor | None:
    """LD-DPO (Liu et al. 2024, arXiv 2409.06411): tokens beyond the shorter response weigh alpha.

    Returns:
        [R, T]: 1 up to the length of the pair's shorter response, alpha beyond; None without alpha.
    """
    if alpha is None:
        return None
    ones_RT = torch.ones_like(batch["labels"], dtype=torch.float32)
    chosen_BT, rejected_BT = split_branches(ones_RT, batch)
    shorter_B = torch.minimum(chosen_BT.sum(dim=1), rejected_BT.sum(dim=1))[:, None]
    tails = [
        1.0 - (1.0 - alpha) * ((mask.cumsum(dim=1) > shorter_B) & (mask > 0)).float()
        for mask in (chosen_BT, rejected_BT)
    ]
    if len(ones_RT) == len(batch["rows"]):
        return tails[0] * tails[1]
    return torch.cat(tails)
