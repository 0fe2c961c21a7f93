"""Whole trainings and who watches them: the best checkpoint, samples, TensorBoard, wandb."""

import importlib.util
import json
import shutil

import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.training.on_ray import run_dpo, run_sft
from tests.training.conftest import build_dialogues, build_pairs, write_rows

RESOURCES = {"num_workers": 2, "per_device_train_batch_size": 2, "num_cpus": 1}
STEPS = {"train_batch_size": 4, "logging_steps": 1, "lora_r": 4, "lora_alpha": 8, "seed": 3}
BEST = {
    "eval_strategy": "steps",
    "eval_steps": 2,
    "metric_for_best_model": "eval_loss",
    "save_steps": 3,
    "save_total_limit": 1,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows to train on, and others of the same form with other answers: training harms these."""
    directory = tmp_path_factory.mktemp("data")
    write_rows(directory / "sft" / "train.parquet", build_dialogues(8))
    swapped = build_dialogues(8)
    for row in swapped[1:]:
        row["messages"] = [row["messages"][0], {"role": "assistant", "content": "Qzx jqvk wpf."}]
    write_rows(directory / "sft_eval" / "train.parquet", swapped)
    write_rows(directory / "dpo" / "train.parquet", build_pairs(8))
    return directory


@pytest.fixture(scope="module", autouse=True)
def ray_session():
    from alignray.inference.cluster import connect

    with connect("local"):
        yield


def make_sft(tiny_model, data, out, **fields):
    given = {
        "learning_rate": 3e-2,
        "num_train_epochs": 4,
        "use_peft": False,
        "resources": RESOURCES,
    }
    return SFTStageConfig(
        output_dir=str(out),
        model_name_or_path=str(tiny_model),
        dataset=str(data / "sft"),
        eval_dataset=str(data / "sft_eval"),
        **{**STEPS, **given, **fields},
    )


def compute_eval_loss(model_dir, config):
    """Token mean of the negative log-likelihood, by plain transformers, a row at a time."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    from alignray.chat import ChatTokenizer
    from alignray.sources import load_dialogues

    cls = AutoPeftModelForCausalLM if config.use_peft else AutoModelForCausalLM
    model = cls.from_pretrained(model_dir).eval()
    tokenizer = ChatTokenizer.load(config.model_name_or_path)
    total, count = 0.0, 0
    for messages in load_dialogues(config.eval_dataset):
        row = tokenizer.encode_dialogue(messages)
        with torch.no_grad():
            logp = model(torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
        for at in range(1, len(row.input_ids)):
            if row.loss_mask[at]:
                total -= float(logp[at - 1, row.input_ids[at]])
                count += 1
    return total / count


@pytest.fixture(scope="module")
def best_runs(tiny_model, data, tmp_path_factory):
    """(strategy, use_peft) -> (config, record, directory).

    Full weights overfit, so the lowest loss is not the last. A few steps of LoRA only ever improve
    this tiny model: there the highest loss counts as the best, which is the first.
    """
    runs = {}
    for strategy, use_peft in (("replicated", True), ("zero3", True), ("zero3", False)):
        out = tmp_path_factory.mktemp("best") / f"{strategy}_{use_peft}"
        fields = {"use_peft": use_peft, "resources": {**RESOURCES, "strategy": strategy}}
        config = make_sft(tiny_model, data, out, **BEST, **fields, greater_is_better=use_peft)
        runs[strategy, use_peft] = config, run_sft(config), out
    return runs


@pytest.mark.heavy
@pytest.mark.parametrize("run", [("replicated", True), ("zero3", True), ("zero3", False)])
def test_the_best_checkpoint_is_the_result(best_runs, run):
    config, record, out = best_runs[run]
    metrics = record["metrics"]
    losses = {entry["step"]: entry["eval_loss"] for entry in metrics["evaluations"]}
    assert sorted(losses) == [2, 4, 6, 8]
    best = (max if config.greater_is_better else min)(losses, key=losses.get)
    assert best != 8, losses
    assert (metrics["result_step"], metrics["steps"]) == (best, 8)
    assert metrics["eval_loss"] == losses[best]
    kept = {path.name for path in (out / "checkpoints").glob("checkpoint-*")}
    assert kept == {f"checkpoint-{best}", "checkpoint-8"}
    others = min(abs(losses[best] - loss) for step, loss in losses.items() if step != best)
    found = compute_eval_loss(out / "model", config)
    assert found == pytest.approx(losses[best], abs=others / 4, rel=0)


@pytest.mark.heavy
def test_the_gradient_norm_is_told_whatever_is_sharded(best_runs):
    curves = [best_runs[name, True][1]["metrics"]["curve"] for name in ("replicated", "zero3")]
    replicated, sharded = ([point["grad_norm"] for point in curve] for curve in curves)
    assert len(replicated) == 8
    assert replicated == pytest.approx(sharded, rel=1e-3)


WATCHED = ["tensorboard", *(["wandb"] if importlib.util.find_spec("wandb") else [])]


def make_dpo(tiny_model, data, out, **fields):
    given = {"learning_rate": 2e-3, "num_train_epochs": 3, "lora_dropout": 0.0}
    given |= {"resources": {**RESOURCES, "strategy": "zero3"}, "save_steps": 4}
    return DPOStageConfig(
        output_dir=str(out),
        model_name_or_path=str(tiny_model),
        dataset=str(data / "dpo"),
        eval_dataset=str(data / "dpo"),
        **{**STEPS, **given, **fields},
    )


@pytest.fixture(scope="module")
def watched(tiny_model, data, tmp_path_factory):
    """DPO, LoRA, two workers, ZeRO-3: 6 steps, evaluated at 2, 4 and 6, checkpoints at 4 and 6."""
    out = tmp_path_factory.mktemp("runs") / "dpo"
    config = make_dpo(
        tiny_model, data, out, eval_samples=3, eval_max_new_tokens=8, report_to=WATCHED
    )
    return config, run_dpo(config), out


def read_samples(out):
    lines = (out / "logs" / "samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.heavy
def test_samples_and_reporters_do_not_change_the_training(watched, tiny_model, data, tmp_path):
    from safetensors.torch import load_file

    _, record, out = watched
    config = make_dpo(tiny_model, data, tmp_path / "alone")
    alone = run_dpo(config)
    assert alone["fingerprint"] == record["fingerprint"]
    assert drop_times(alone["metrics"]["curve"]) == drop_times(record["metrics"]["curve"])
    weights = [
        load_file(path / "model" / "adapter_model.safetensors")
        for path in (out, tmp_path / "alone")
    ]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert not list((tmp_path / "alone").glob("logs/[stw]*"))


def drop_times(curve):
    return [{name: point[name] for name in ("step", "loss", "grad_norm")} for point in curve]


@pytest.mark.heavy
def test_the_first_rows_are_answered_greedily_at_each_evaluation(watched, data):
    import torch
    from peft import AutoPeftModelForCausalLM

    from alignray.chat import ChatTokenizer

    config, _, out = watched
    samples = read_samples(out)
    assert [(line["step"], line["row"]) for line in samples] == [
        (step, f"p{row}") for step in (2, 4, 6) for row in range(3)
    ]
    tokenizer = ChatTokenizer.load(config.model_name_or_path)
    model = AutoPeftModelForCausalLM.from_pretrained(out / "model").eval()
    for pair, line in zip(build_pairs(3), samples[-3:], strict=True):
        ids = tokenizer.encode_prompt(pair["prompt"])
        assert line["prompt_tokens"] == len(ids)
        for _ in range(config.eval_max_new_tokens):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] in tokenizer.stop_token_ids:
                break
        assert line["response"] == tokenizer.decode(ids[line["prompt_tokens"] :])


@pytest.mark.heavy
def test_the_curves_are_in_tensorboard_files_and_plots(watched):
    _, record, out = watched
    losses = read_scalars(out / "logs" / "tensorboard")["train/loss"]
    wanted = {point["step"]: point["loss"] for point in record["metrics"]["curve"]}
    assert losses == pytest.approx(wanted, rel=1e-6)
    plots = {path.name for path in (out / "plots").iterdir()}
    assert {"loss.svg", "loss.png", "margins.svg", "accuracies.svg", "learning_rate.svg"} <= plots
    assert {f"plots/{name}" for name in plots} <= set(record["outputs"])


def read_scalars(directory):
    """Tag -> step -> value, with what a later file purges left out, as TensorBoard does."""
    from tensorboardX.proto.event_pb2 import Event

    scalars = {}
    for path in sorted(directory.iterdir(), key=lambda path: path.name):
        content, at = path.read_bytes(), 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 12 + size + 4
            if event.HasField("session_log"):
                for points in scalars.values():
                    for step in [step for step in points if step >= event.step]:
                        del points[step]
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    points = scalars.setdefault(value.tag, {})
                    twice = value.tag == "train/loss" and event.step in points
                    assert not twice, f"{value.tag} twice at step {event.step}"
                    points[event.step] = value.simple_value
    return scalars


@pytest.mark.heavy
@pytest.mark.skipif("wandb" not in WATCHED, reason="wandb is not installed")
def test_wandb_writes_an_offline_run_named_by_the_fingerprint(watched):
    _, record, out = watched
    [run] = (out / "logs" / "wandb").glob("offline-run-*")
    [log] = run.glob("*.wandb")
    assert log.name == f"run-{record['fingerprint']}.wandb"
    content = log.read_bytes()
    assert b"train/loss" in content and b"eval/rewards/margins" in content


@pytest.mark.heavy
def test_a_resumed_run_is_one_run_to_those_who_watch(watched):
    """As if it had been killed after the checkpoint of step 4, and had told of steps 5 and 6."""
    config, record, out = watched
    samples = (out / "logs" / "samples.jsonl").read_text()
    for name in ("record.json", "metrics.json", "checkpoints/summary.json"):
        (out / name).unlink()
    for name in ("plots", "model", "checkpoints/checkpoint-6"):
        shutil.rmtree(out / name)
    again = run_dpo(config)
    assert again["metrics"]["resumed_from"] == "checkpoint-4"
    assert drop_times(again["metrics"]["curve"]) == drop_times(record["metrics"]["curve"])
    assert (out / "logs" / "samples.jsonl").read_text() == samples
    assert sorted(read_scalars(out / "logs" / "tensorboard")["train/loss"]) == [1, 2, 3, 4, 5, 6]
    assert (out / "plots" / "loss.svg").is_file()
    if "wandb" in WATCHED:
        logs = {path.name for path in (out / "logs" / "wandb").glob("offline-run-*/*.wandb")}
        assert logs == {f"run-{record['fingerprint']}.wandb"}
