"""The losses against hand-computed vectors and against TRL's own code, in float32."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from alignray.training.dpo_losses import LOSSES, PairScores, compute_pair_losses

BETA = 0.1


def build_scores(pi_c, pi_r, ref_c, ref_r, chosen_tokens=None, rejected_tokens=None):
    tensors = [torch.tensor(values, dtype=torch.float32) for values in (pi_c, pi_r, ref_c, ref_r)]
    ones = [1.0] * len(pi_c)
    tokens = [torch.tensor(t or ones) for t in (chosen_tokens, rejected_tokens)]
    return PairScores(*tensors, *tokens)


SPEC = build_scores([-10, -20], [-12, -18], [-11, -19], [-11.5, -19.5])
"""h = 1.5 and -2.5: the vector of the direct-preference-optimization code."""


def test_sigmoid_is_the_published_vector():
    losses = LOSSES["sigmoid"](SPEC, BETA, 0.0)
    assert SPEC.h_B.tolist() == [1.5, -2.5]
    assert losses.tolist() == pytest.approx([0.62095708, 0.82593942], abs=1e-6)


def test_conservative_dpo_by_hand():
    def by_hand(h, e=0.1):
        x = BETA * h
        return -(1 - e) * math.log(1 / (1 + math.exp(-x))) - e * math.log(1 / (1 + math.exp(x)))

    losses = LOSSES["sigmoid"](SPEC, BETA, 0.1)
    assert losses.tolist() == pytest.approx([by_hand(1.5), by_hand(-2.5)], abs=1e-6)


def test_ipo_of_summed_log_probabilities_by_hand():
    assert LOSSES["ipo_sum"](SPEC, BETA, 0.0).tolist() == pytest.approx([12.25, 56.25], abs=1e-5)


def test_ipo_divides_by_tokens():
    scores = build_scores([-10.0], [-12.0], [-12.0], [-11.0], [4.0], [2.0])
    # c = 2 over 4 tokens, r = -1 over 2 tokens: 0.5 + 0.5 - 5
    assert LOSSES["ipo"](scores, BETA, 0.0).item() == pytest.approx(16.0)


@pytest.mark.parametrize("value", [-3.0, -250.0])
def test_at_policy_equal_reference_the_loss_is_ln_2(value):
    scores = build_scores([value], [value - 1], [value], [value - 1])
    assert LOSSES["sigmoid"](scores, BETA, 0.0).item() == pytest.approx(math.log(2), abs=1e-7)
    assert LOSSES["sigmoid"](scores, BETA, 0.3).item() == pytest.approx(math.log(2), abs=1e-7)


def test_robust_is_unbiased():
    """E over flips of the robust loss is the sigmoid loss: (1-e) L(h) + e L(-h) undone."""
    e = 0.2
    flipped = build_scores([-12, -18], [-10, -20], [-11.5, -19.5], [-11, -19])
    robust = (1 - e) * LOSSES["robust"](SPEC, BETA, e) + e * LOSSES["robust"](flipped, BETA, e)
    assert robust.tolist() == pytest.approx(LOSSES["sigmoid"](SPEC, BETA, 0.0).tolist(), abs=1e-6)


def test_terms_add_up_with_their_weights():
    whole = compute_pair_losses(SPEC, {"sigmoid": 1.0, "hinge": 0.5}, BETA).mean()
    parts = [LOSSES[name](SPEC, BETA, 0.0).mean() for name in ("sigmoid", "hinge")]
    assert whole.item() == pytest.approx(parts[0].item() + 0.5 * parts[1].item())


def test_every_loss_has_a_gradient_that_favours_the_chosen():
    for name, loss in LOSSES.items():
        chosen = torch.tensor([-10.0, -20.0], requires_grad=True)
        scores = PairScores(
            chosen,
            *(torch.tensor(v) for v in ([-12.0, -18.0], [-11.0, -19.0], [-11.5, -19.5])),
            torch.tensor([3.0, 4.0]),
            torch.tensor([2.0, 5.0]),
        )
        loss(scores, BETA, 0.1).mean().backward()
        if name == "apo_down":  # pushes a chosen response down by design
            continue
        assert (chosen.grad <= 0).all() and (chosen.grad < 0).any(), name


def run_trl(loss_type: str, smoothing: float, scores: PairScores) -> float:
    """TRL's own lines of one loss type, run on the same numbers."""
    import textwrap

    import torch.nn.functional as F
    import trl

    source = (Path(trl.__file__).parent / "trainer" / "dpo_trainer.py").read_text()
    block = re.search(
        rf'\n( +)(?:el)?if loss_type == "{loss_type}":\n(.*?)\n\1(?:elif|else)', source, re.S
    )
    code = textwrap.dedent(block[2] + "\n")
    ones = torch.ones(len(scores.policy_chosen_B), 6)
    masks = [
        (torch.arange(6) < t[:, None]).long()
        for t in (scores.chosen_tokens_B, scores.rejected_tokens_B)
    ]
    mask = torch.cat(masks)
    logps = torch.cat([scores.policy_chosen_B, scores.policy_rejected_B])
    per_token = (ones.repeat(2, 1) * mask) * (logps / mask.sum(dim=1))[:, None]
    trainer = SimpleNamespace(
        beta=BETA, label_smoothing=smoothing, args=SimpleNamespace(discopop_tau=0.05)
    )
    names = {
        "self": trainer, "F": F, "torch": torch, "device": "cpu",
        "chosen_logps": scores.policy_chosen_B, "rejected_logps": scores.policy_rejected_B,
        "ref_chosen_logps": scores.reference_chosen_B,
        "ref_rejected_logps": scores.reference_rejected_B,
        "chosen_logratios": scores.c_B, "rejected_logratios": scores.r_B,
        "chosen_scores": scores.c_B, "rejected_scores": scores.r_B, "delta_score": scores.h_B,
        "completion_mask": mask, "shift_completion_mask": mask, "per_token_logps": per_token,
    }  # fmt: skip
    exec(code, names)
    return names["per_sequence_loss"].mean().item()


def trl_losses() -> list[str]:
    from typing import get_args

    from alignray.config.dpo import TRLLoss

    return [name for name in get_args(TRLLoss) if name != "sft"]  # the trainer's own term


@pytest.mark.parametrize("name", trl_losses())
def test_every_loss_is_that_of_trl(name):
    smoothing = 0.2 if name in ("robust", "exo_pair", "aot", "aot_unpaired") else 0.0
    torch.manual_seed(0)
    tokens = torch.tensor([3.0, 5.0, 2.0, 6.0]), torch.tensor([4.0, 1.0, 6.0, 2.0])
    values = [-30 * torch.rand(4) for _ in range(4)]
    scores = PairScores(*values, *tokens)
    ours = compute_pair_losses(scores, {name: 1.0}, BETA, smoothing).mean().item()
    assert ours == pytest.approx(run_trl(name, smoothing, scores), rel=1e-6, abs=1e-6)
