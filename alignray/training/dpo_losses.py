r"""The losses of direct preference optimization, one function each. Pure.

With log-probabilities summed over the tokens of a response (`ld_alpha` aside),

    c = log pi(y_c|x) - log ref(y_c|x)      r = log pi(y_r|x) - log ref(y_r|x)      h = c - r

and the rewards beta * c and beta * r. At policy = reference, h = 0 and the sigmoid loss is ln 2.

    sigmoid        - log s(beta h)                              Rafailov 2023, 2305.18290, eq. 7
      with label_smoothing e: - (1-e) log s(beta h) - e log s(-beta h)    (cDPO, Mitchell 2023)
    robust         (the same with - e) / (1 - 2e)               Chowdhury 2024, 2403.00409
    hinge          max(0, 1 - beta h)                           Zhao 2023, 2305.10425
    ipo            (c/|y_c| - r/|y_r| - 1/(2 beta))^2           Azar 2023, 2310.12036, eq. 17
    ipo_sum        (h - 1/(2 beta))^2                           the same, as in eric-mitchell's code
    sigmoid_norm   - log s(beta (c/|y_c| - r/|y_r|))            per token, as SimPO, 2405.14734
    exo_pair       KL(softmax(beta c, beta r) || (1-e, e))      Ji 2024, 2402.00856, eq. 16
    nca_pair       - log s(beta c) - 1/2 log s(-beta c) - 1/2 log s(-beta r)     Chen, 2402.05369
    bco_pair       - log s(beta c) - log s(-beta r)             Jung 2024, 2404.04656, unshifted
    sppo_hard      (c - 1/(2 beta))^2 + (r + 1/(2 beta))^2      Wu 2024, 2405.00675, eq. 4.7, P = 1
    aot            sigmoid on log-ratios sorted in the batch    Melnyk 2024, 2406.05882
    aot_unpaired   the same, chosen and rejected sorted apart
    apo_zero       1 - s(beta c) + s(beta r)                    D'Oosterlinck, 2408.06266, eq. 7
    apo_down       s(beta c) + 1 - s(beta h)                    ibid., eq. 8
    discopop       (1-m) (- log s(beta h)) + m exp(-beta h), m = s(beta h / 0.05)   Lu, 2406.08414
    sft            - mean over chosen tokens of log pi          the RPO term, Pang 2024, 2404.19733

`sft` is no function of one pair: the trainer takes its mean over the tokens of the global batch
(TRL over those of a micro-batch). `aot*` sort within the micro-batch, as in TRL, so their value
depends on its size. Names and values are those of TRL 1.16, checked against it; `ipo_sum` and cDPO
are ours, as it lacks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

_DISCOPOP_TAU = 0.05


@dataclass(frozen=True)
class PairScores:
    """What the losses of a micro-batch of B pairs are made of; all [B]."""

    policy_chosen_B: torch.Tensor
    policy_rejected_B: torch.Tensor
    reference_chosen_B: torch.Tensor
    reference_rejected_B: torch.Tensor
    chosen_tokens_B: torch.Tensor
    rejected_tokens_B: torch.Tensor

    @property
    def c_B(self) -> torch.Tensor:
        """Log-ratio of the chosen response."""
        return self.policy_chosen_B - self.reference_chosen_B

    @property
    def r_B(self) -> torch.Tensor:
        """Log-ratio of the rejected response."""
        return self.policy_rejected_B - self.reference_rejected_B

    @property
    def h_B(self) -> torch.Tensor:
        """Difference of the log-ratios."""
        return self.c_B - self.r_B

    @property
    def h_per_token_B(self) -> torch.Tensor:
        """The same with each log-ratio divided by the tokens of its response."""
        chosen = self.c_B / self.chosen_tokens_B.clamp(min=1)
        return chosen - self.r_B / self.rejected_tokens_B.clamp(min=1)


Loss = Callable[[PairScores, float, float], torch.Tensor]
"""(scores, beta, label_smoothing) -> [B]."""


def _smooth(x_B: torch.Tensor, smoothing: float) -> torch.Tensor:
    """- (1-e) log s(x) - e log s(-x)."""
    return -(1 - smoothing) * logsigmoid(x_B) - smoothing * logsigmoid(-x_B)


def _sigmoid(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return _smooth(beta * s.h_B, e)


def _robust(s: PairScores, beta: float, e: float) -> torch.Tensor:
    x_B = beta * s.h_B
    return (-(1 - e) * logsigmoid(x_B) + e * logsigmoid(-x_B)) / (1 - 2 * e)


def _hinge(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return torch.relu(1 - beta * s.h_B)


def _ipo(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return (s.h_per_token_B - 1 / (2 * beta)) ** 2


def _ipo_sum(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return (s.h_B - 1 / (2 * beta)) ** 2


def _sigmoid_norm(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return -logsigmoid(beta * s.h_per_token_B)


def _exo_pair(s: PairScores, beta: float, e: float) -> torch.Tensor:
    x_B = beta * s.h_B
    target = torch.tensor([1 - e, e], dtype=x_B.dtype, device=x_B.device).log()
    chosen = x_B.sigmoid() * (logsigmoid(x_B) - target[0])
    return chosen + (-x_B).sigmoid() * (logsigmoid(-x_B) - target[1])


def _nca_pair(s: PairScores, beta: float, e: float) -> torch.Tensor:
    c_B, r_B = beta * s.c_B, beta * s.r_B
    return -logsigmoid(c_B) - 0.5 * logsigmoid(-c_B) - 0.5 * logsigmoid(-r_B)


def _bco_pair(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return -logsigmoid(beta * s.c_B) - logsigmoid(-beta * s.r_B)


def _sppo_hard(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return (s.c_B - 0.5 / beta) ** 2 + (s.r_B + 0.5 / beta) ** 2


def _aot(s: PairScores, beta: float, e: float) -> torch.Tensor:
    policy_B = (s.policy_chosen_B - s.policy_rejected_B).sort().values
    reference_B = (s.reference_chosen_B - s.reference_rejected_B).sort().values
    return _smooth(beta * (policy_B - reference_B), e)


def _aot_unpaired(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return _smooth(beta * (s.c_B.sort().values - s.r_B.sort().values), e)


def _apo_zero(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return 1 - (beta * s.c_B).sigmoid() + (beta * s.r_B).sigmoid()


def _apo_down(s: PairScores, beta: float, e: float) -> torch.Tensor:
    return (beta * s.c_B).sigmoid() + 1 - (beta * s.h_B).sigmoid()


def _discopop(s: PairScores, beta: float, e: float) -> torch.Tensor:
    x_B = beta * s.h_B
    mix_B = (x_B / _DISCOPOP_TAU).sigmoid()
    return -logsigmoid(x_B) * (1 - mix_B) + torch.exp(-x_B) * mix_B


LOSSES: dict[str, Loss] = {
    "sigmoid": _sigmoid,
    "robust": _robust,
    "hinge": _hinge,
    "ipo": _ipo,
    "ipo_sum": _ipo_sum,
    "sigmoid_norm": _sigmoid_norm,
    "exo_pair": _exo_pair,
    "nca_pair": _nca_pair,
    "bco_pair": _bco_pair,
    "sppo_hard": _sppo_hard,
    "aot": _aot,
    "aot_unpaired": _aot_unpaired,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
    "discopop": _discopop,
}


def compute_pair_losses(
    scores: PairScores,
    terms: dict[str, float],
    beta: float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """The weighted sum of losses of each pair: [B]; `terms` maps each loss to its weight."""
    total_B = torch.zeros_like(scores.policy_chosen_B)
    for name, weight in terms.items():
        total_B = total_B + weight * LOSSES[name](scores, beta, label_smoothing)
    return total_B
