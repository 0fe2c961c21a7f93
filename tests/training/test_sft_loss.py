"""The three reductions against hand-computed vectors, TRL, and each other."""

import pytest
import torch

from alignray.training.rows.encoding import IGNORED
from alignray.training.sft_loss import (
    compute_sft_loss,
    count_denominator,
    weigh_tokens,
)

LABELS = [[-100, 1, 2, 0], [-100, -100, 1, -100]]
"""With logits (arange(24) % 5 * .3).reshape(2, 4, 3): the toy of the specs of SEAL's trainer."""


def toy_logp() -> torch.Tensor:
    logits = (torch.arange(24) % 5 * 0.3).reshape(2, 4, 3)
    labels = torch.tensor(LABELS)[:, 1:].clamp(min=0)
    return logits[:, :-1].log_softmax(-1).gather(-1, labels[..., None])[..., 0]


def reduce_toy(reduction, row_weights=(1.0, 1.0), kind="nll"):
    weights = torch.tensor(
        [
            weigh_tokens(labels, [4], [w], reduction)
            for labels, w in zip(LABELS, row_weights, strict=True)
        ]
    )[:, 1:]
    denominator = count_denominator(int((weights > 0).sum()), 2, reduction)
    return compute_sft_loss(toy_logp(), weights, denominator, kind).item()


def test_the_published_vectors():
    per_row = [1.49023879, 1.12839019]
    assert reduce_toy("sequence_mean") == pytest.approx(sum(per_row) / 2, abs=1e-6)
    assert reduce_toy("token_mean") == pytest.approx(1.39977670, abs=1e-6)
    assert reduce_toy("sequence_sum") == pytest.approx((3 * per_row[0] + per_row[1]) / 2, abs=1e-6)


def test_rows_of_two_data_sets_weigh_as_they_are_told():
    per_row = [1.49023879, 1.12839019]
    weighted = reduce_toy("sequence_mean", (0.3, 0.7))
    assert weighted == pytest.approx((0.3 * per_row[0] + 0.7 * per_row[1]) / 2, abs=1e-6)


def test_token_mean_is_that_of_transformers():
    from transformers.loss.loss_utils import ForCausalLMLoss

    logits = (torch.arange(24) % 5 * 0.3).reshape(2, 4, 3)
    theirs = ForCausalLMLoss(logits, torch.tensor(LABELS), vocab_size=3).item()
    assert reduce_toy("token_mean") == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean", "sequence_sum"])
def test_micro_batches_of_any_size_add_up_to_the_same(reduction):
    weights = torch.tensor([weigh_tokens(row, [4], [1.0], reduction) for row in LABELS])[:, 1:]
    denominator = count_denominator(int((weights > 0).sum()), 2, reduction)
    parts = [
        compute_sft_loss(toy_logp()[i : i + 1], weights[i : i + 1], denominator, "nll")
        for i in range(2)
    ]
    assert sum(parts).item() == pytest.approx(reduce_toy(reduction), abs=1e-7)


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean", "sequence_sum"])
def test_packed_rows_weigh_as_rows_apart(reduction):
    apart = [
        weigh_tokens(row, [4], [w], reduction) for row, w in zip(LABELS, (1.0, 2.0), strict=True)
    ]
    packed = weigh_tokens([*LABELS[0], *LABELS[1]], [4, 4], [1.0, 2.0], reduction)
    assert packed == apart[0] + apart[1]


def test_the_first_token_of_a_packed_row_is_not_predicted_from_the_row_before():
    weights = weigh_tokens([5, 6, 7, 8], [2, 2], [1.0, 1.0], "token_mean")
    assert weights == [0.0, 1.0, 0.0, 1.0]


def test_dft_weighs_by_the_probability_without_a_gradient_through_it():
    logp = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    weights = torch.ones(1, 2)
    loss = compute_sft_loss(logp, weights, 2, "dft")
    probabilities = logp.detach().exp()
    assert loss.item() == pytest.approx((-logp.detach() * probabilities).sum().item() / 2)
    loss.backward()
    assert torch.allclose(logp.grad, -probabilities / 2)


def test_a_batch_without_tokens_is_zero_and_not_nan():
    loss = compute_sft_loss(torch.zeros(1, 2), torch.zeros(1, 2), 0, "nll")
    assert loss.item() == 0
    assert weigh_tokens([IGNORED] * 3, [3], [1.0], "sequence_mean") == [0.0] * 3
