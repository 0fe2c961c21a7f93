"""Per-token log-probabilities of a batch of pairs -> one score per response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from alignray.training.pair_layout import split_branches


@dataclass(frozen=True)
class BranchScores:
    """The responses of a micro-batch of B pairs under one model; all [B] but `fields`."""

    chosen_B: torch.Tensor
    """Sum of log p over the tokens of each chosen response (the tail weighted under LD-DPO)."""
    rejected_B: torch.Tensor
    chosen_tokens_B: torch.Tensor
    rejected_tokens_B: torch.Tensor
    chosen_logp_B: torch.Tensor
    """Plain sum of log p over the tokens of each chosen response."""
    fields: torch.Tensor
    """[6, B]: chosen tokens, rejected tokens, their summed mean logits, entropy of both, correct
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
    chosen_logp_B = chosen_BT.sum(dim=1)
    tokens = [mask.sum(dim=1) for mask in split_branches(torch.ones_like(logp_RT), batch)]
    if weights is not None:
        chosen_BT, rejected_BT = split_branches(logp_RT * weights, batch)
    return BranchScores(
        chosen_BT.sum(dim=1),
        rejected_BT.sum(dim=1),
        *tokens,
        chosen_logp_B,
        _sum_fields(outputs, batch, tokens),
    )


def _sum_fields(
    outputs: Any, batch: dict[str, torch.Tensor], tokens: list[torch.Tensor]
) -> torch.Tensor:
    if outputs.entropy is None:
        return torch.zeros(6, len(tokens[0]), device=tokens[0].device)
    logits = split_branches(outputs.mean_logits.detach(), batch)
    entropies = split_branches(outputs.entropy.detach(), batch)
    correct, _ = split_branches(outputs.is_top1.to(tokens[0].dtype), batch)
    return torch.stack(
        [
            *tokens,
            *(branch.sum(dim=1) for branch in logits),
            entropies[0].sum(dim=1) + entropies[1].sum(dim=1),
            correct.sum(dim=1),
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
