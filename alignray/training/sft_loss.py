r"""The loss of supervised fine-tuning in its three reductions, as weights of tokens. Pure.

With l_it = - log p(y_it | y_i,<t) for token t of row i, T_i its tokens with a loss, N rows and
T = sum_i T_i tokens in the global batch, and v_i the row's own weight (1 unless its data set says
otherwise):

    token_mean      L = 1/T  sum_i v_i sum_t l_it          (transformers, TRL)
    sequence_mean   L = 1/N  sum_i v_i 1/T_i sum_t l_it    (SEAL's selector and two-set training)
    sequence_sum    L = 1/N  sum_i v_i sum_t l_it          (eric-mitchell's DPO code, AmberSafe)

All three are `sum_it w_it l_it / D` with a weight per token and a denominator D of the global
batch, so that accumulation, workers and packing change nothing. `sequence_sum` counts long rows
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from alignray.training.rows.encoding import IGNORED

Reduction = Literal["token_mean", "sequence_mean", "sequence_sum"]


def weigh_tokens(
    labels: Sequence[int],
    lengths: Sequence[int],
    row_weights: Sequence[float],
    reduction: Reduction,
) -> list[float]:
    """The weight w_it of each token of a sequence of one or more rows; 0 where there is no loss.

    Args:
        labels: [T], IGNORED on tokens without loss, rows one after the other.
        lengths: tokens of each row.
        row_weights: v_i of each row.
        reduction: the reduction.
    """
    weights: list[float] = []
    start = 0
    for length, row_weight in zip(lengths, row_weights, strict=True):
        counted = [
            at > 0 and label != IGNORED for at, label in enumerate(labels[start : start + length])
        ]
        share = row_weight / max(sum(counted), 1) if reduction == "sequence_mean" else row_weight
        weights += [share * counts for counts in counted]
        start += length
    return weights


def count_denominator(tokens: int, rows: int, reduction: Reduction) -> int:
    """D of a global batch of so many rows that hold so many tokens with a loss."""
    return tokens if reduction == "token_mean" else rows


def compute_sft_loss(
    logp_BT: torch.Tensor, weights_BT: torch.Tensor, denominator: torch.Tensor | int, kind: str
) -> torch.Tensor:
    """The loss of a micro-batch; micro-batches of a global batch add up to L.

    Args:
        logp_BT: log p of each label; anything where its weight is 0.
        weights_BT: from `weigh_tokens`.
        denominator: D of the global batch.
        kind: `nll`, or `dft`: each term weighted by its token's probability, as a constant (Wu et
            al. 2025, arXiv 2508.05629).
    """
    nll_BT = -logp_BT
    if kind == "dft":
        nll_BT = nll_BT * logp_BT.exp().detach()
    return (nll_BT * weights_BT).sum() / torch.as_tensor(denominator).clamp(min=1)
