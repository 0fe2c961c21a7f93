"""Checkpoints as model folders: equal logits in stock libraries, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from alignray.cli import main
from alignray.config.export import ExportConfig
from alignray.errors import ArtifactError, ModelError
from alignray.training.export.folder import select_adapter
from alignray.training.export.stage import run_export, strip_wrappers
from alignray.training.outputs.stamp import read_stamp
from tests.training.conftest import build_dialogues, build_model, write_rows
from tests.training.made_adapters import compute_logits, write_random_adapter


def load(directory):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(directory)


def export(source, out, **fields):
    return run_export(ExportConfig(source=str(source), output_dir=str(out), **fields))


@pytest.fixture
def archive(tiny_model, tmp_path):
    """A policy.pt of a model that has moved away from the base."""
    model = load(tiny_model)
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    state = dict(model.state_dict())
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)  # as older versions
    content = {"step_idx": 96, "state": state, "metrics": {"loss/eval": [0.5], "n": 3}}
    torch.save(content, tmp_path / "policy.pt")
    return tmp_path / "policy.pt", model


def test_an_archive_becomes_a_model(tiny_model, archive, tmp_path):
    from transformers import AutoTokenizer

    path, model = archive
    record = export(path, tmp_path / "out", base=str(tiny_model))
    folder = tmp_path / "out" / "model"
    assert compute_logits(load(folder)).equal(compute_logits(model))
    assert not list(folder.glob("*.pt")) and (folder / "model.safetensors").is_file()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(tiny_model).chat_template
    assert record["metrics"]["kind"] == "policy.pt archive"
    assert "| kind | policy.pt archive |" in (folder / "README.md").read_text()
    assert export(path, tmp_path / "out", base=str(tiny_model)) == record


def test_the_type_can_be_chosen(tiny_model, archive, tmp_path):
    from safetensors.torch import load_file

    export(archive[0], tmp_path / "out", base=str(tiny_model), dtype="bfloat16")
    tensors = load_file(tmp_path / "out" / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    config = json.loads((tmp_path / "out" / "model" / "config.json").read_text())
    assert config["dtype"] == "bfloat16"


def test_an_archive_needs_its_base(archive, tmp_path):
    with pytest.raises(ModelError, match=r"no config.json beside the weights.*base=MODEL"):
        export(archive[0], tmp_path / "out")


def test_another_base_is_refused(archive, tmp_path):
    model = build_model(259)
    model.config.num_hidden_layers = 3
    type(model)(model.config).save_pretrained(tmp_path / "deep")
    with pytest.raises(ModelError, match=r"no model.layers.2.* missing"):
        export(archive[0], tmp_path / "out", base=str(tmp_path / "deep"))
    assert not (tmp_path / "out" / "model").exists()


def test_other_shapes_are_one_line(archive, tmp_path):
    build_model(100).save_pretrained(tmp_path / "small")
    with pytest.raises(ModelError, match=r"embed_tokens.weight is .*x 64") as caught:
        export(archive[0], tmp_path / "out", base=str(tmp_path / "small"))
    assert "\n" not in str(caught.value)


def test_what_is_no_checkpoint_is_said(tiny_model, tmp_path):
    with pytest.raises(ArtifactError, match="it is a model folder already"):
        export(tiny_model, tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="expected checkpoint-N, global_stepN"):
        export(tmp_path / "empty", tmp_path / "b")
    torch.save({"weights": {}}, tmp_path / "policy.pt")
    with pytest.raises(ArtifactError, match=r"keys \['weights'\]; expected `state`"):
        export(tmp_path / "policy.pt", tmp_path / "c", base=str(tiny_model))


def test_a_checkpoint_that_does_not_match_its_manifest_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint-2"
    (checkpoint / "global_step2").mkdir(parents=True)
    (checkpoint / "global_step2" / "mp_rank_00_model_states.pt").write_bytes(b"torn")
    manifest = {"files": {"global_step2/mp_rank_00_model_states.pt": {"size": 9, "sha256": "0"}}}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"do not match its manifest.json"):
        export(checkpoint, tmp_path / "out")


def test_names_of_wrappers_and_adapters():
    one = torch.ones(1)
    assert list(strip_wrappers({"module.a": one, "module.b": one})) == ["a", "b"]
    assert list(strip_wrappers({"module.a": one, "b": one})) == ["module.a", "b"]
    memory = {
        "p.q.base_layer.weight": one,
        "p.q.lora_A.default.weight": one,
        "p.q.lora_A.ref.weight": one,
        "p.e.modules_to_save.default.weight": one,
        "p.e.original_module.weight": one,
        "p.t.lora_embedding_A.default": one,
    }
    assert list(select_adapter(memory)) == [
        "p.q.lora_A.weight",
        "p.e.weight",
        "p.t.lora_embedding_A",
    ]
    assert list(select_adapter({"p.q.lora_A.weight": one})) == ["p.q.lora_A.weight"]


def test_the_command_takes_the_source_first(tiny_model, archive, tmp_path, capsys):
    arguments = ["export", str(archive[0]), f"output_dir={tmp_path}/out", f"base={tiny_model}"]
    assert main([*arguments, "--dry-run"]) == 0
    assert f"source: {archive[0]}" in capsys.readouterr().out
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("export: done in ")
    assert main(["export", str(tmp_path / "gone.pt"), f"output_dir={tmp_path}/b"]) == 2
    assert main(["export", "--help"]) == 0
    assert "usage: alignray export SOURCE" in capsys.readouterr().out


def test_an_adapter_that_accelerate_wrote_under_fsdp(tiny_model, tmp_path):
    """It asks PEFT for the adapter alone, which gives the names of files."""
    import torch.distributed.checkpoint as distributed
    from peft import AutoPeftModelForCausalLM
    from safetensors.torch import load_file

    adapter = write_random_adapter(tiny_model, tmp_path / "adapter", r=3)
    checkpoint = tmp_path / "checkpoint-7"
    weights = load_file(adapter / "adapter_model.safetensors")
    shards = checkpoint / "pytorch_model_fsdp_0"
    distributed.save({"model": weights}, checkpoint_id=shards, no_dist=True)
    with pytest.raises(ModelError, match=r"an adapter without adapter_config.json"):
        export(checkpoint, tmp_path / "bare")
    shutil.copy(adapter / "adapter_config.json", checkpoint)
    export(checkpoint, tmp_path / "out")
    assert read_stamp(tmp_path / "out" / "model") is None  # the tokenizer is the base's
    exported = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out" / "model")
    expected = AutoPeftModelForCausalLM.from_pretrained(adapter)
    assert compute_logits(exported).equal(compute_logits(expected))
    assert "pickle" in refuse_metadata(shards, tmp_path)


def write_checkpoint(tiny_model, stage, chat_template):
    """A checkpoint of a stage of ours, under FSDP, with the tokenizer it was trained with."""
    import torch.distributed.checkpoint as distributed

    from alignray.chat import ChatTokenizer

    checkpoint = stage / "checkpoints" / "checkpoint-7"
    weights = {"model": load(tiny_model).state_dict()}
    distributed.save(weights, checkpoint_id=checkpoint / "pytorch_model_fsdp_0", no_dist=True)
    tokenizer = ChatTokenizer.load(str(tiny_model), chat_template=chat_template)
    tokenizer.tokenizer.save_pretrained(checkpoint)
    claim = {"config": {"chat_template": chat_template}}
    (stage / "config.json").write_text(json.dumps(claim))
    return checkpoint, tokenizer.template_digest


def test_the_template_of_the_training_is_stamped_beside_the_weights(tiny_model, tmp_path):
    from alignray.config.sft import SFTStageConfig
    from alignray.training.outputs.stamp import Stamp, check_stamp

    checkpoint, digest = write_checkpoint(tiny_model, tmp_path / "stage", "hh")
    record = export(checkpoint, tmp_path / "out", base=str(tiny_model))
    folder = tmp_path / "out" / "model"
    assert read_stamp(folder) == Stamp(digest, "hh", str(tiny_model))
    assert record["metrics"]["template_digest"] == digest
    assert f"| chat template (digest) | {digest} |" in (folder / "README.md").read_text()
    (tmp_path / "stage" / "config.json").unlink()
    export(checkpoint, tmp_path / "bare", base=str(tiny_model))
    assert read_stamp(tmp_path / "bare" / "model").template_digest == digest
    then = {"output_dir": "o", "model_name_or_path": str(folder), "dataset": "d"}
    check_stamp(SFTStageConfig(**then))
    with pytest.raises(ModelError, match=r"trained with the chat template .* \(hh\)"):
        check_stamp(SFTStageConfig(**then, chat_template="zephyr"))


def test_what_does_not_tell_its_template_gets_no_stamp(tiny_model, archive, tmp_path):
    record = export(archive[0], tmp_path / "out", base=str(tiny_model))
    assert read_stamp(tmp_path / "out" / "model") is None
    assert record["metrics"]["template_digest"] is None
    assert "(digest) | not known |" in (tmp_path / "out" / "model" / "README.md").read_text()


def refuse_metadata(shards, tmp_path) -> str:
    """The same checkpoint, its metadata replaced by one that would run code."""
    import pickle

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (shards / ".metadata").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ArtifactError) as caught:
        export(shards, tmp_path / "trap")
    assert not (tmp_path / "ran").exists()
    return str(caught.value)


@pytest.fixture(scope="module")
def sharded(tiny_model, tmp_path_factory):
    """Checkpoints of two processes: see sharded_training.py."""
    out = tmp_path_factory.mktemp("sharded")
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.sharded_training", str(tiny_model), str(out)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def expect(sharded, kind):
    return torch.load(sharded / f"{kind}.logits.pt")


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["zero1", "zero2", "zero3", "fsdp"])
def test_full_weights_of_two_workers(tiny_model, sharded, tmp_path, kind):
    record = export(sharded / kind, tmp_path / "out", base=str(tiny_model))
    logits = compute_logits(load(tmp_path / "out" / "model"))
    torch.testing.assert_close(logits, expect(sharded, kind), rtol=1e-5, atol=1e-6)
    assert (logits - compute_logits(load(tiny_model))).abs().max() > 1e-2
    assert record["metrics"]["kind"] == ("FSDP" if kind == "fsdp" else "DeepSpeed")


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["lora1", "lora3"])
def test_an_adapter_of_two_workers(tiny_model, sharded, tmp_path, kind):
    from peft import AutoPeftModelForCausalLM

    export(sharded / kind, tmp_path / "out", base=str(tiny_model))
    folder = tmp_path / "out" / "model"
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= {
        path.name for path in folder.iterdir()
    }
    logits = compute_logits(AutoPeftModelForCausalLM.from_pretrained(folder))
    torch.testing.assert_close(logits, expect(sharded, kind), rtol=1e-5, atol=1e-6)


@pytest.mark.heavy
def test_a_missing_part_is_an_error(tiny_model, sharded, tmp_path):
    for kind in ("zero2", "zero3"):
        cut = shutil.copytree(sharded / kind, tmp_path / kind)
        next(cut.rglob("zero_pp_rank_1_*optim_states.pt")).unlink()
        with pytest.raises(ArtifactError, match="parts of 1 workers; expected those of 2"):
            export(cut, tmp_path / f"{kind}-out", base=str(tiny_model))
    cut = shutil.copytree(sharded / "fsdp", tmp_path / "fsdp")
    next(cut.rglob("__1_0.distcp")).unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        export(cut, tmp_path / "fsdp-out", base=str(tiny_model))


@pytest.fixture(scope="module")
def ray_session():
    from alignray.inference.cluster import connect

    with connect("local"):
        yield


@pytest.mark.heavy
@pytest.mark.parametrize("strategy", ["replicated", "zero2"])
def test_a_checkpoint_of_ours_is_the_model_it_led_to(tiny_model, tmp_path, ray_session, strategy):
    """The last checkpoint of a whole training, against the adapter that the training wrote."""
    from safetensors.torch import load_file

    from alignray.config.sft import SFTStageConfig
    from alignray.training.on_ray import run_sft

    rows = write_rows(tmp_path / "rows.parquet", build_dialogues(8))
    config = SFTStageConfig(
        output_dir=str(tmp_path / "sft"),
        model_name_or_path=str(tiny_model),
        dataset=str(rows),
        learning_rate=1e-2,
        max_steps=1,
        train_batch_size=8,
        lora_r=2,
        resources={"num_workers": 2, "per_device_train_batch_size": 4, "strategy": strategy},
    )
    run_sft(config)
    export(tmp_path / "sft" / "checkpoints" / "checkpoint-1", tmp_path / "out")
    assert read_stamp(tmp_path / "out" / "model") == read_stamp(tmp_path / "sft" / "model")
    wanted, found = (
        load_file(folder / "model" / "adapter_model.safetensors")
        for folder in (tmp_path / "sft", tmp_path / "out")
    )
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor)
    assert any(tensor.abs().max() > 1e-3 for name, tensor in found.items() if "lora_B" in name)
