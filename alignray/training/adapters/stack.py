"""Training on top of a given adapter: `adapter_mode` stack and merge.

The given adapter is merged into the base once, and a new adapter is trained on that model as if it
were the base, under any strategy; a DPO reference is the merged model, which is the trained one
with its adapter off. In the end

    stack   the two adapters are written as one of the original base, exactly their sum
            (`fusion.concatenation`)
    merge   the new adapter is merged too, and all weights are written

A merged weight is rounded to the run's dtype, and the new adapter is trained on the rounded one: in
bfloat16, `stack` gives logits that differ from those of the training by that rounding.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from alignray.config.training import TrainingConfig
from alignray.durable import write_json
from alignray.fusion.adapter import WEIGHTS_NAME, load_adapter, read_adapter_config, write_adapter
from alignray.fusion.concatenation import concatenate_adapters
from alignray.models import ADAPTER_CONFIG, resolve_model
from alignray.training.adapters.fit import locate_adapter
from alignray.training.policy import load_weights
from alignray.training.process_group import get_rank, wait_for_workers

MERGED_DIR = "merged_base"
"""In the stage's directory, until the run is done: the base with the given adapter in it."""


def merges_first(config: TrainingConfig) -> bool:
    """Whether a given adapter is merged into the base before the training."""
    return config.adapter_name_or_path is not None and config.adapter_mode != "continue"


def writes_adapter(config: TrainingConfig) -> bool:
    """Whether the result is an adapter; else it is all weights."""
    return config.use_peft and not (merges_first(config) and config.adapter_mode == "merge")


def prepare_base(config: TrainingConfig, stage_dir: Path) -> TrainingConfig:
    """The configuration that the trainer sees: as given, or with the merged model as its base.

    Called on all workers. The first one merges while the others wait; a model that is there from a
    run before is used again.
    """
    if not merges_first(config):
        return config
    merged = stage_dir / MERGED_DIR
    if get_rank() == 0 and not merged.is_dir():
        merge_adapter(config, locate_adapter(str(config.adapter_name_or_path)), merged)
    wait_for_workers()
    return config.model_copy(
        update={
            "model_name_or_path": str(merged),
            "adapter_name_or_path": None,
            "tokenizer_name_or_path": config.tokenizer_name_or_path or config.model_name_or_path,
        }
    )


def finish_model(config: TrainingConfig, stage_dir: Path, model_dir: Path) -> None:
    """Makes what the trainer wrote into the result. Called on the first worker alone.

    Args:
        config: the configuration as given.
        stage_dir: where the merged base is.
        model_dir: where the trainer wrote; the result replaces it there.
    """
    if merges_first(config) and config.adapter_mode == "stack":
        given = load_adapter(locate_adapter(str(config.adapter_name_or_path)))
        write_adapter(concatenate_adapters([given, load_adapter(model_dir)], [1.0, 1.0]), model_dir)
    elif merges_first(config):
        _merge_in_place(config, stage_dir / MERGED_DIR, model_dir)
    if (model_dir / ADAPTER_CONFIG).is_file():
        base = resolve_model(config.model_name_or_path)
        content = read_adapter_config(model_dir) | {"base_model_name_or_path": base}
        write_json(model_dir / ADAPTER_CONFIG, content)


def merge_adapter(config: TrainingConfig, adapter: Path, target: Path) -> None:
    """Writes the base with an adapter merged into it, in the run's dtype; whole or not at all."""
    unfinished = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    merge_weights(resolve_model(config.model_name_or_path), adapter, unfinished, config)
    unfinished.replace(target)


def merge_weights(base: str, adapter: Path, target: Path, config: TrainingConfig) -> None:
    """Loads a base on the CPU, merges an adapter into it and writes it."""
    from peft import PeftModel

    with _unsharded():
        # The kernel that is asked for may need a GPU; none is needed to add matrices.
        model = load_weights(config, base, config.model_revision, attn_implementation=None)
        merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
        merged.save_pretrained(target)


def _merge_in_place(config: TrainingConfig, base: Path, model_dir: Path) -> None:
    """Full weights in the place of an adapter, beside its tokenizer."""
    merge_weights(str(base), model_dir, model_dir, config)
    for name in (ADAPTER_CONFIG, WEIGHTS_NAME):
        (model_dir / name).unlink()


@contextlib.contextmanager
def _unsharded() -> Iterator[None]:
    """Models load whole within: under ZeRO-3, transformers would shard them over all workers."""
    from transformers.integrations import deepspeed

    sharding = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = sharding
