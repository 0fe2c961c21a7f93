"""Our trainers beside TRL's own on the same rows: losses, metrics and gradients, in float32."""

import math

import pytest
import torch
from datasets import Dataset

from alignray.chat import ChatTokenizer
from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.errors import TrainingError
from alignray.training.arguments import build_arguments
from alignray.training.dpo import DPOMethod
from alignray.training.method import TrainerParts
from alignray.training.rows.encoding import EncodedRows
from alignray.training.rows.table import build_table
from alignray.training.sft import SFTMethod
from alignray.training.strategy import Strategy
from alignray.training.trainer import compute_step_factor

pytestmark = pytest.mark.heavy

PAIRS = [
    {"prompt_ids": [7, 8, 9, 10], "chosen_ids": [20, 21, 2], "rejected_ids": [30, 2]},
    {"prompt_ids": [11, 12], "chosen_ids": [22, 2], "rejected_ids": [31, 32, 33, 2]},
]
DIALOGUES = [
    {"input_ids": [7, 8, 9, 20, 21, 2], "labels": [-100, -100, -100, 20, 21, 2]},
    {"input_ids": [10, 11, 22, 2], "labels": [-100, -100, 22, 2]},
    {"input_ids": [12, 23, 24, 25, 2], "labels": [-100, 23, 24, 25, 2]},
]
BASE = {
    "output_dir": "o", "dataset": "d", "use_peft": False, "train_batch_size": 2,
    "resources": {"per_device_train_batch_size": 2},
}  # fmt: skip


def build(method_class, config, rows, tiny_model, out):
    config = config.model_copy(update={"model_name_or_path": str(tiny_model)})
    method = method_class(config)
    encoded = EncodedRows(
        rows=rows, names=[f"r{i}" for i in range(len(rows))], weights=[1.0] * len(rows)
    )
    arguments = build_arguments(config, Strategy("replicated", ""), out, eval_steps=None)
    arguments |= {"deepspeed": None, "accelerator_config": None}
    parts = TrainerParts(
        config=config,
        arguments=arguments,
        load_policy=lambda: str(tiny_model),
        peft_config=None,
        load_reference=lambda: None,
        live_reference=True,
        tokenizer=ChatTokenizer.load(str(tiny_model)).tokenizer,
        train_dataset=Dataset(build_table(method.arrange(encoded, 64))),
        eval_dataset=Dataset(build_table(method.arrange(encoded, 64))),
        callbacks=[],
    )
    return method.build_trainer(parts)


def run(trainer, batch, **options):
    trainer.model.train()
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, dict(batch), **options)
    loss.backward()
    grads = torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])
    metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    return loss.item(), metrics, grads


def move(trainer, seed=3):
    """A policy that is not its reference."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))


@pytest.fixture(scope="module")
def trl_dpo(tiny_model, tmp_path_factory):
    from trl import DPOConfig, DPOTrainer

    class Tokenised(DPOTrainer):
        def _prepare_dataset(self, dataset, *_, **__):
            return dataset

    def build_theirs(**options):
        arguments = DPOConfig(
            output_dir=str(tmp_path_factory.mktemp("trl")), max_length=None, use_cpu=True,
            report_to=[], gradient_checkpointing=False, bf16=False, **options,
        )  # fmt: skip
        return Tokenised(
            model=str(tiny_model),
            args=arguments,
            train_dataset=Dataset.from_list(PAIRS),
            processing_class=ChatTokenizer.load(str(tiny_model)).tokenizer,
        )

    return build_theirs


@pytest.mark.parametrize("layout", ["padded", "shared_prefix"])
@pytest.mark.parametrize(
    "options",
    [
        {"loss_type": ["sigmoid"]},
        {"loss_type": ["ipo"], "beta": 0.2},
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5]},
        {"loss_type": ["robust"], "label_smoothing": 0.1},
        {"loss_type": ["sigmoid"], "ld_alpha": 0.3},
    ],
)
def test_dpo_is_trl(options, layout, trl_dpo, tiny_model, tmp_path):
    resources = {**BASE["resources"], "layout": layout}
    fields = {**BASE, "model_name_or_path": "m", "resources": resources}
    config = DPOStageConfig(**fields, **options)
    ours = build(DPOMethod, config, PAIRS, tiny_model, tmp_path)
    theirs = trl_dpo(**options)
    move(ours)
    theirs.model.load_state_dict(ours.model.state_dict())
    loss, metrics, grads = run(ours, ours.data_collator(list(ours.train_dataset)))
    their_loss, their_metrics, their_grads = run(theirs, theirs.data_collator(PAIRS))
    assert loss == pytest.approx(their_loss, abs=1e-6)
    assert torch.allclose(grads, their_grads, atol=1e-5, rtol=1e-4)
    for name, value in metrics.items():
        assert value == pytest.approx(their_metrics[name], abs=1e-4), name
    assert set(their_metrics) - set(metrics) <= {"num_tokens"}


def test_without_a_reference_log_probabilities_are_rewards(tiny_model, tmp_path):
    config = DPOStageConfig(**BASE, model_name_or_path="m", reference_free=True, beta=0.5)
    trainer = build(DPOMethod, config, PAIRS, tiny_model, tmp_path)
    assert trainer.ref_model is None
    _, metrics, _ = run(trainer, trainer.data_collator(list(trainer.train_dataset)))
    assert metrics["rewards/chosen"] == pytest.approx(0.5 * metrics["logps/chosen"], rel=1e-6)


@pytest.mark.parametrize("loss_type", ["nll", "dft"])
def test_sft_is_trl(loss_type, tiny_model, tmp_path):
    from trl import SFTConfig, SFTTrainer

    config = SFTStageConfig(**BASE, model_name_or_path="m", loss_type=loss_type)
    ours = build(SFTMethod, config, DIALOGUES, tiny_model, tmp_path)
    arguments = SFTConfig(
        output_dir=str(tmp_path / "trl"), max_length=None, use_cpu=True, report_to=[], bf16=False,
        gradient_checkpointing=False, loss_type=loss_type,
        dataset_kwargs={"skip_prepare_dataset": True},
    )  # fmt: skip
    theirs = SFTTrainer(
        model=str(tiny_model),
        args=arguments,
        train_dataset=Dataset.from_list(DIALOGUES),
        processing_class=ChatTokenizer.load(str(tiny_model)).tokenizer,
    )
    loss, metrics, grads = run(ours, ours.data_collator(list(ours.train_dataset)))
    their_loss, their_metrics, their_grads = run(theirs, theirs.data_collator(DIALOGUES))
    assert loss == pytest.approx(their_loss, abs=1e-6)
    assert torch.allclose(grads, their_grads, atol=1e-6, rtol=1e-4)
    for name in metrics:
        assert metrics[name] == pytest.approx(their_metrics[name], abs=1e-5), name


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean", "sequence_sum"])
def test_packed_rows_have_the_loss_and_gradient_of_rows_apart(reduction, tiny_model, tmp_path):
    options = {**BASE, "model_name_or_path": "m", "loss_reduction": reduction}
    apart = build(SFTMethod, SFTStageConfig(**options), DIALOGUES, tiny_model, tmp_path)
    packed = build(
        SFTMethod, SFTStageConfig(**options, packing=True), DIALOGUES, tiny_model, tmp_path
    )
    assert len(packed.train_dataset) == 1
    one = run(apart, apart.data_collator(list(apart.train_dataset)))
    other = run(packed, packed.data_collator(list(packed.train_dataset)))
    assert other[0] == pytest.approx(one[0], abs=1e-6)
    assert torch.allclose(other[2], one[2], atol=1e-6, rtol=1e-4)


def test_a_document_does_not_see_its_neighbours_in_the_pack(tiny_model, tmp_path):
    """Changing one document leaves the losses of the others in its pack as they were."""
    config = SFTStageConfig(**BASE, model_name_or_path="m", packing=True)

    def losses_of(dialogues):
        trainer = build(SFTMethod, config, dialogues, tiny_model, tmp_path)
        [row] = list(trainer.train_dataset)
        batch = trainer.data_collator([row])
        taken = {name: batch[name] for name in ("input_ids", "position_ids")}
        outputs = trainer.model(
            **taken, labels=batch["labels"], use_cache=False, fused_lm_head=True
        )
        by_name, start = {}, 0
        for name, length in zip(row["names"], row["lengths"], strict=True):
            by_name[name] = outputs.log_probs[0, start : start + length - 1].sum().item()
            start += length
        return by_name

    changed = [dict(dialogue) for dialogue in DIALOGUES]
    changed[2] = {"input_ids": [50, 51, 52, 53, 2], "labels": [-100, 51, 52, 53, 2]}
    before, after = losses_of(DIALOGUES), losses_of(changed)
    assert before["r2"] != pytest.approx(after["r2"], abs=1e-3)
    for name in ("r0", "r1"):
        assert after[name] == pytest.approx(before[name], abs=1e-6)


def test_a_broken_loss_names_the_rows(tiny_model, tmp_path):
    config = SFTStageConfig(**BASE, model_name_or_path="m")
    trainer = build(SFTMethod, config, DIALOGUES, tiny_model, tmp_path)
    with torch.no_grad():
        trainer.model.model.norm.weight[0] = math.nan
    batch = trainer.data_collator([trainer.train_dataset[i] for i in (0, 2)])
    with pytest.raises(TrainingError, match=r"step 1: loss is nan on rows r0, r2"):
        run(trainer, batch)


def test_the_step_schedule():
    factors = [compute_step_factor(step, 2, 4, 0.5) for step in range(10)]
    assert factors == [0.0, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def evaluate_pairs(tiny_model, out, micro, layout, pairs):
    resources = {"per_device_train_batch_size": micro, "layout": layout}
    fields = {**BASE, "train_batch_size": 4, "model_name_or_path": "m", "resources": resources}
    config = DPOStageConfig(**fields, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5])
    trainer = build(DPOMethod, config, pairs, tiny_model, out)
    move(trainer)
    return trainer.evaluate()


def test_an_evaluation_does_not_depend_on_batches_or_layout(tiny_model, tmp_path):
    pairs = [*PAIRS, *({**pair, "chosen_ids": [i, *pair["chosen_ids"]]} for i, pair in
             enumerate([*PAIRS, PAIRS[0]], start=40))]  # fmt: skip
    assert len(pairs) == 5
    wanted = evaluate_pairs(tiny_model, tmp_path, 1, "padded", pairs)
    for micro, layout in ((2, "padded"), (4, "shared_prefix"), (4, "padded")):
        found = evaluate_pairs(tiny_model, tmp_path, micro, layout, pairs)
        for name in (
            "eval_loss",
            "eval_rewards/margins",
            "eval_rewards/accuracies",
            "eval_entropy",
        ):
            assert found[name] == pytest.approx(wanted[name], abs=1e-5), (micro, layout, name)


def test_the_likelihood_term_does_not_depend_on_micro_batches(tiny_model, tmp_path):
    """Over a global batch of two pairs whose chosen responses differ in length."""
    grads = {}
    for micro in (1, 2):
        resources = {"per_device_train_batch_size": micro, "layout": "padded"}
        fields = {**BASE, "model_name_or_path": "m", "resources": resources}
        trainer = build(
            DPOMethod, DPOStageConfig(**fields, loss_type=["sft"]), PAIRS, tiny_model, tmp_path
        )
        trainer.current_gradient_accumulation_steps = 2 // micro
        trainer.model.train()
        batches = [
            trainer.data_collator([trainer.train_dataset[i] for i in range(start, start + micro)])
            for start in range(0, 2, micro)
        ]
        tokens = trainer._get_num_items_in_batch(batches, "cpu")
        for batch in batches:
            loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=tokens)
            (loss / len(batches)).backward()
        grads[micro] = torch.cat([p.grad.flatten() for p in trainer.model.parameters()])
    assert torch.allclose(grads[1], grads[2], atol=1e-6)
