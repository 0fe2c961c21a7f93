"""DPO's columns, and TRL's loss through the trainer that a worker builds."""

import math
from types import SimpleNamespace

import pytest

from alignray.chat import ChatTokenizer
from alignray.config.dpo import DPOStageConfig
from alignray.training.dpo import DPOMethod, build_dpo_columns, build_loss_terms
from alignray.training.encoding import Limits, Skipped

PROMPT, CHOSEN, REJECTED = [1, 2, 3], [4, 5], [6, 7, 8]


def make_config(**fields):
    return DPOStageConfig(output_dir="out", model_name_or_path="m", dataset="d", **fields)


def test_a_pair_that_fits_is_kept_as_it_is():
    columns, was_cut = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(6, "none"))
    assert columns == {"prompt_ids": PROMPT, "chosen_ids": CHOSEN, "rejected_ids": REJECTED}
    assert not was_cut


def test_the_longer_response_decides():
    assert build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "none")) == Skipped("too_long")


def test_keep_start_cuts_responses_and_keep_end_the_prompt():
    start, _ = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "keep_start"))
    assert start == {"prompt_ids": PROMPT, "chosen_ids": CHOSEN, "rejected_ids": [6, 7]}
    end, was_cut = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "keep_end"))
    assert end == {"prompt_ids": [2, 3], "chosen_ids": CHOSEN, "rejected_ids": REJECTED}
    assert was_cut


@pytest.mark.parametrize("mode", ["keep_start", "keep_end"])
def test_a_pair_without_room_is_too_long(mode):
    assert build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(3, mode)) == Skipped("too_long")


def test_responses_that_a_cut_makes_equal_are_too_long():
    cut = build_dpo_columns(PROMPT, [4, 5], [4, 6], Limits(4, "keep_start"))
    assert cut == Skipped("too_long")


def test_identical_answers_teach_nothing():
    same = build_dpo_columns(PROMPT, CHOSEN, CHOSEN, Limits(9, "none"))
    assert same == Skipped("identical_answers")


def test_a_pair_is_encoded_with_the_border_before_the_response(tiny_model):
    tokenizer = ChatTokenizer.load(str(tiny_model))
    row = {
        "prompt": [{"role": "user", "content": "Hi"}],
        "chosen": [{"role": "assistant", "content": "yes"}],
        "rejected": [{"role": "assistant", "content": "no"}],
    }
    columns, _ = DPOMethod().encode(row, tokenizer, Limits(64, "none"))
    decode = tokenizer.tokenizer.decode
    assert decode(columns["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert decode(columns["chosen_ids"]) == "yes<|im_end|>"
    assert decode(columns["rejected_ids"]) == "no<|im_end|>"


def test_conservative_dpo_is_a_sum_of_two_losses():
    types, weights = build_loss_terms(make_config(label_smoothing=0.1))
    assert types == ["sigmoid", "robust"]
    assert weights == pytest.approx([1.8, -0.8])


def test_other_losses_keep_their_weights():
    config = make_config(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5])
    assert build_loss_terms(config) == (["sigmoid", "sft"], [1.0, 0.5])


class FakeModel:
    """Gives prescribed sequence log-probabilities: all of it on the last token."""

    def __init__(self, logps):
        self.logps = logps

    def __call__(self, input_ids, labels, **_):
        import torch

        shape = (input_ids.shape[0], input_ids.shape[1] - 1)
        log_probs = torch.zeros(shape)
        log_probs[:, -1] = torch.tensor(self.logps)
        zeros = torch.zeros(shape)
        return SimpleNamespace(
            log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool()
        )


@pytest.fixture(scope="module")
def build_trainer(tiny_model, tmp_path_factory):
    """Builds the trainer of a configuration as a worker does, without DeepSpeed and Ray."""
    from datasets import Dataset

    from alignray.training.arguments import build_arguments
    from alignray.training.method import TrainerParts

    tokenizer = ChatTokenizer.load(str(tiny_model)).tokenizer
    rows = [{"prompt_ids": PROMPT, "chosen_ids": [4, 5], "rejected_ids": [6, 7]}] * 4
    out = tmp_path_factory.mktemp("dpo")

    def build(**fields):
        config = make_config(**fields).model_copy(update={"model_name_or_path": str(tiny_model)})
        arguments = build_arguments(config, out, has_eval=False)
        arguments |= {"deepspeed": None, "accelerator_config": None}
        parts = TrainerParts(
            config=config,
            arguments=arguments,
            load_policy=lambda: str(tiny_model),
            peft_config=None,
            tokenizer=tokenizer,
            train_dataset=Dataset.from_list(rows),
            eval_dataset=None,
            callbacks=[],
        )
        return DPOMethod().build_trainer(parts)

    return build


def compute_losses(trainer, policy, reference):
    """The loss of each pair by itself; log-probabilities are (chosen, rejected) pairs."""
    losses = []
    for policy_pair, reference_pair in zip(policy, reference, strict=True):
        inputs = trainer.data_collator([trainer.train_dataset[0]])
        trainer.ref_model = FakeModel(reference_pair)
        losses.append(float(trainer._compute_loss(FakeModel(policy_pair), inputs, False)))
    return losses


POLICY = [(-10.0, -12.0), (-20.0, -18.0)]
REFERENCE = [(-11.0, -11.5), (-19.0, -19.5)]
H = [1.5, -2.5]
"""By hand: (-10+12) - (-11+11.5) = 1.5; (-20+18) - (-19+19.5) = -2.5."""


@pytest.mark.heavy
def test_the_loss_is_the_reference_vector(build_trainer):
    losses = compute_losses(build_trainer(beta=0.1), POLICY, REFERENCE)
    assert losses == pytest.approx([0.62095708, 0.82593942], abs=1e-6)


@pytest.mark.heavy
def test_the_conservative_loss_is_its_formula(build_trainer):
    losses = compute_losses(build_trainer(beta=0.1, label_smoothing=0.1), POLICY, REFERENCE)
    sigmoid = [1 / (1 + math.exp(-0.1 * h)) for h in H]
    by_hand = [-0.9 * math.log(s) - 0.1 * math.log(1 - s) for s in sigmoid]
    assert losses == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.heavy
def test_policy_equal_to_reference_loses_ln_2(build_trainer):
    losses = compute_losses(build_trainer(), REFERENCE, REFERENCE)
    assert losses == pytest.approx([math.log(2)] * 2, abs=1e-6)


@pytest.mark.heavy
def test_rpo_adds_the_likelihood_of_the_chosen_response(build_trainer):
    trainer = build_trainer(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5])
    losses = compute_losses(trainer, POLICY, REFERENCE)
    # The chosen response has two tokens, so its mean token loss is half of its sum.
    expected = [0.62095708 + 0.5 * 10 / 2, 0.82593942 + 0.5 * 20 / 2]
    assert losses == pytest.approx(expected, abs=1e-5)


@pytest.mark.heavy
def test_only_response_tokens_count(build_trainer):
    trainer = build_trainer()
    batch = trainer.data_collator([trainer.train_dataset[0]])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 6, 7]]
    assert batch["completion_mask"].tolist() == [[0, 0, 0, 1, 1]] * 2
