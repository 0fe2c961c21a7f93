"""Whole trainings: Ray Train workers, DeepSpeed ZeRO-3, TRL, on a tiny random Llama."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.errors import ModelError, SourceError, TrainingError
from alignray.training.on_ray import build_table, run_dpo, run_sft
from alignray.training.outputs.stamp import read_stamp
from tests.training.conftest import build_dialogues, build_pairs, write_rows

ONE_WORKER = {"num_workers": 1, "per_device_train_batch_size": 4, "num_cpus": 1}
TWO_WORKERS = {**ONE_WORKER, "num_workers": 2, "strategy": "zero3"}
STEPS = {"train_batch_size": 8, "logging_steps": 1, "lora_r": 4, "lora_alpha": 8, "seed": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    write_rows(directory / "sft.parquet", build_dialogues(21))
    pairs = build_pairs(21)
    pairs[4]["rejected"] = pairs[4]["chosen"]
    pairs[9]["chosen"] = [{"role": "assistant", "content": "red " * 200}]
    write_rows(directory / "train.parquet", pairs)
    return directory


@pytest.fixture(scope="module")
def ray_session():
    from alignray.inference.cluster import connect

    with connect("local"):
        yield


@pytest.fixture(scope="module")
def sft_stage(tiny_model, data, tmp_path_factory, ray_session):
    """SFT with LoRA, two workers, ZeRO-3, 24 rows of 21 (3 repeated), two epochs."""
    out = tmp_path_factory.mktemp("runs") / "sft"
    config = SFTStageConfig(
        output_dir=str(out),
        model_name_or_path=str(tiny_model),
        dataset=str(data),
        learning_rate=5e-3,
        num_train_epochs=2,
        resources=TWO_WORKERS,
        **STEPS,
    )
    return config, run_sft(config), out


@pytest.mark.heavy
def test_sft_learns_and_accounts_for_every_row(sft_stage):
    _, record, out = sft_stage
    metrics = record["metrics"]
    losses = [point["loss"] for point in metrics["curve"]]
    assert metrics["steps"] == len(losses) == 6
    assert losses[-1] < losses[0] - 0.05
    assert record["counts"] == {"in": 21, "ok": 21, "unscored": 0, "failed": 0}
    assert metrics["rows"]["rows_repeated"] == 3
    assert read_stamp(out / "model").template_digest == metrics["template_digest"]


@pytest.mark.heavy
def test_the_number_of_workers_does_not_change_the_losses(sft_stage, tmp_path):
    config, record, _ = sft_stage
    alone = run_sft(
        config.model_copy(
            update={
                "output_dir": str(tmp_path / "one"),
                "resources": config.resources.model_copy(update=ONE_WORKER),
            }
        )
    )
    assert alone["fingerprint"] == record["fingerprint"]
    two = [point["loss"] for point in record["metrics"]["curve"]]
    one = [point["loss"] for point in alone["metrics"]["curve"]]
    assert one == pytest.approx(two, abs=1e-5)
    assert alone["metrics"]["tokens"] == record["metrics"]["tokens"]


@pytest.mark.heavy
def test_a_finished_stage_is_not_run_again(sft_stage):
    config, record, out = sft_stage
    before = (out / "record.json").stat().st_mtime_ns
    assert run_sft(config) == record
    assert (out / "record.json").stat().st_mtime_ns == before


@pytest.mark.heavy
def test_the_adapter_loads_in_stock_peft_and_moves_the_model(sft_stage, tiny_model):
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, _, out = sft_stage
    files = {path.name for path in (out / "model").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= files
    assert not [name for name in files if name.endswith((".bin", ".pt"))]
    adapted = AutoPeftModelForCausalLM.from_pretrained(out / "model")
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = torch.tensor([[1, 50, 60, 2]])
    assert not torch.allclose(adapted(ids).logits, base(ids).logits, atol=1e-4)
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(tiny_model).chat_template


@pytest.mark.heavy
def test_the_card_says_what_it_is(sft_stage, tiny_model):
    import yaml

    card = (sft_stage[2] / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert "base_model" not in front  # a path: the hub takes names of its own alone
    assert f"| base | {tiny_model} |" in card
    assert f"| fingerprint | {sft_stage[1]['fingerprint']} |" in card
    assert "| chat template (digest) | " in card
    assert front["library_name"] == "peft"
    assert "sft" in front["tags"]


@pytest.fixture(scope="module")
def dpo_stage(sft_stage, tmp_path_factory):
    """DPO that goes on with the SFT adapter, two workers, ZeRO-3."""
    config, _, out = sft_stage
    dpo_out = tmp_path_factory.mktemp("runs") / "sft_dpo"
    dpo = DPOStageConfig(
        output_dir=str(dpo_out),
        model_name_or_path=config.model_name_or_path,
        # Relative, as in `alignray run --out runs/x`: workers run in another directory.
        adapter_name_or_path=os.path.relpath(out / "model"),
        dataset=config.dataset,
        eval_dataset=config.dataset,
        learning_rate=5e-3,
        num_train_epochs=8,  # long enough that a kill finds it at work
        resources=TWO_WORKERS,
        **STEPS,
    )
    return dpo, run_dpo(dpo), dpo_out


@pytest.mark.heavy
def test_dpo_on_an_adapter_starts_at_ln_2_and_moves_away(dpo_stage):
    _, record, _ = dpo_stage
    first, last = record["metrics"]["curve"][0], record["metrics"]["curve"][-1]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["rewards/chosen"] == first["rewards/rejected"] == 0
    assert last["rewards/margins"] > 0.05
    assert record["metrics"]["rewards/accuracies"] == last["rewards/accuracies"]
    assert record["metrics"]["eval_loss"] < math.log(2)


@pytest.mark.heavy
def test_dpo_names_the_pairs_that_it_leaves_out(dpo_stage):
    _, record, _ = dpo_stage
    assert record["counts"] == {"in": 21, "ok": 19, "unscored": 2, "failed": 0}
    skipped = record["metrics"]["rows"]["skipped"]
    assert skipped["identical_answers"] == {"rows": 1, "first": ["row 4"]}
    assert skipped["too_long"] == {"rows": 1, "first": ["p9"]}


@pytest.mark.heavy
def test_dpo_leaves_one_adapter_and_no_reference_copy(dpo_stage, sft_stage):
    from safetensors.torch import load_file

    model = dpo_stage[2] / "model"
    assert not (model / "ref").exists()
    tuned = load_file(model / "adapter_model.safetensors")
    start = load_file(sft_stage[2] / "model" / "adapter_model.safetensors")
    assert tuned.keys() == start.keys()
    assert any((tuned[name] - start[name]).abs().max() > 1e-4 for name in start)


@pytest.mark.heavy
def test_full_weights_train_against_a_second_copy(tiny_model, data, tmp_path, ray_session):
    from transformers import AutoModelForCausalLM

    out = tmp_path / "full"
    record = run_dpo(
        DPOStageConfig(
            output_dir=str(out),
            model_name_or_path=str(tiny_model),
            dataset=str(data),
            use_peft=False,
            learning_rate=1e-4,
            max_steps=2,
            resources=ONE_WORKER,
            **STEPS,
        )
    )
    assert record["metrics"]["curve"][0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert record["metrics"]["curve"][1]["rewards/margins"] > 0
    tuned = AutoModelForCausalLM.from_pretrained(out / "model").state_dict()
    base = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    assert tuned.keys() == base.keys()
    assert any((tuned[name] - base[name]).abs().max() > 1e-5 for name in base)


RUN_DPO = """
import json, sys
from alignray.config.dpo import DPOStageConfig
from alignray.training.on_ray import run_dpo
run_dpo(DPOStageConfig.model_validate(json.load(open(sys.argv[1]))))
"""


@pytest.mark.heavy
def test_killed_and_run_again_is_uninterrupted_to_the_last_digit(dpo_stage, tmp_path):
    """The driver is killed after the second checkpoint, and the newest is torn besides."""
    from safetensors.torch import load_file

    config, undisturbed, reference = dpo_stage
    out = tmp_path / "killed"
    keep = {"output_dir": str(out), "save_steps": 1, "save_total_limit": 100}
    killed = config.model_copy(update=keep)
    request = tmp_path / "config.json"
    request.write_text(json.dumps(killed.model_dump(mode="json")))
    kill_after_checkpoint(request, out, step=2)
    # Workers may get a step further before they notice that their driver is gone.
    steps = [int(p.name.split("-")[1]) for p in (out / "checkpoints").glob("checkpoint-*")]
    tear(out / "checkpoints" / f"checkpoint-{max(steps)}")
    record = run_dpo(killed)
    assert record["metrics"]["resumed_from"] == f"checkpoint-{max(steps) - 1}"
    assert_same_run(record, undisturbed)
    wanted = load_file(reference / "model" / "adapter_model.safetensors")
    found = load_file(out / "model" / "adapter_model.safetensors")
    assert all(found[name].equal(wanted[name]) for name in wanted)


def kill_after_checkpoint(request: Path, out: Path, step: int) -> None:
    """Runs a DPO stage in a process of its own and kills it once a checkpoint is committed."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", RUN_DPO, str(request)]
    driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    manifest = out / "checkpoints" / f"checkpoint-{step}" / "manifest.json"
    deadline = time.monotonic() + 240
    while not manifest.is_file():
        assert driver.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until_quiet(out)
    assert not (out / "record.json").exists()


def wait_until_quiet(out: Path, seconds: float = 3) -> None:
    """Workers outlive a killed driver for a moment."""
    seen, since = -1.0, time.monotonic()
    while time.monotonic() - since < seconds:
        newest = max(path.stat().st_mtime for path in out.rglob("*"))
        if newest != seen:
            seen, since = newest, time.monotonic()
        time.sleep(0.1)


def tear(checkpoint: Path) -> None:
    """Cuts a checkpoint's shard short, and drops what the workers wrote after it."""
    for later in checkpoint.parent.glob("checkpoint-*"):
        if int(later.name.split("-")[1]) >= int(checkpoint.name.split("-")[1]):
            for shard in later.rglob("*states.pt"):
                shard.write_bytes(shard.read_bytes()[:100])


def assert_same_run(record: dict, undisturbed: dict) -> None:
    def curve(of):
        names = ("step", "loss", "grad_norm", "rewards/margins", "num_input_tokens_seen")
        return [{name: point[name] for name in names} for point in of["metrics"]["curve"]]

    assert curve(record) == curve(undisturbed)
    assert record["metrics"]["tokens"] == undisturbed["metrics"]["tokens"]
    assert record["fingerprint"] == undisturbed["fingerprint"]


@pytest.mark.heavy
def test_a_loss_that_is_not_a_number_ends_the_run_with_one_line(
    tiny_model, data, tmp_path, ray_session
):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    broken = tmp_path / "broken"
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.model.norm.weight.data[0] = float("nan")
    model.save_pretrained(broken)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(broken)
    config = SFTStageConfig(
        output_dir=str(tmp_path / "nan"),
        model_name_or_path=str(broken),
        dataset=str(data),
        max_steps=9,
        resources=ONE_WORKER,
        **STEPS,
    )
    with pytest.raises(TrainingError, match=r"step 1: loss is nan") as caught:
        run_sft(config)
    assert "lower learning_rate" in str(caught.value)
    assert not (tmp_path / "nan" / "record.json").exists()


def make_sft(tiny_model, tmp_path, rows, **fields):
    dataset = write_rows(tmp_path / "rows.parquet", rows)
    return SFTStageConfig(
        output_dir=str(tmp_path / "out"),
        model_name_or_path=str(tiny_model),
        dataset=str(dataset),
        **{"train_batch_size": 8, **fields},
    )


def test_rows_that_are_all_too_long_are_one_line_before_any_work(tiny_model, tmp_path):
    config = make_sft(tiny_model, tmp_path, build_dialogues(9), max_length=10)
    with pytest.raises(SourceError, match=r"0 of 9 rows can be trained on \(9 too_long\)"):
        run_sft(config)
    assert not (tmp_path / "out").exists()


def test_the_context_of_the_model_bounds_the_rows(tiny_model, tmp_path):
    long = [
        {
            "messages": [
                {"role": "user", "content": "x" * 300},
                *build_dialogues(1)[0]["messages"][1:],
            ]
        }
    ]
    config = make_sft(tiny_model, tmp_path, long * 8, max_length=4096)
    with pytest.raises(SourceError, match="8 too_long"):
        run_sft(config)


def test_missing_data_is_a_source_error(tiny_model, tmp_path):
    config = SFTStageConfig(
        output_dir=str(tmp_path / "out"),
        model_name_or_path=str(tiny_model),
        dataset=str(tmp_path / "none.parquet"),
    )
    with pytest.raises(SourceError):
        run_sft(config)


def test_an_adapter_as_model_is_explained(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    config = SFTStageConfig(
        output_dir=str(tmp_path / "out"),
        model_name_or_path=str(tmp_path / "adapter"),
        dataset="d",
    )
    with pytest.raises(ModelError, match="put it into adapter_name_or_path"):
        run_sft(config)


def test_an_adapter_of_another_shape_is_refused(tiny_model, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    shape = {"peft_type": "LORA", "r": 8, "lora_alpha": 32}
    (adapter / "adapter_config.json").write_text(json.dumps(shape))
    config = SFTStageConfig(
        output_dir=str(tmp_path / "out"),
        model_name_or_path=str(tiny_model),
        adapter_name_or_path=str(adapter),
        dataset="d",
    )
    with pytest.raises(
        ModelError, match="adapter with r=8; expected r=16 as configured; set lora_r"
    ):
        run_sft(config)


def test_rows_become_a_table_with_a_stated_schema_and_their_positions():
    rows = [{"input_ids": [1, 2], "names": ["a"]}, {"input_ids": [], "names": ["b", "c"]}]
    table = build_table(rows)
    assert str(table.schema.field("input_ids").type) == "list<item: int32>"
    assert table.to_pylist() == [{**row, "row": at} for at, row in enumerate(rows)]
