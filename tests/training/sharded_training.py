"""Two processes that train a tiny model for one step in every sharded way, and write checkpoints.

    python -m tests.training.sharded_training MODEL OUT

leaves OUT/<kind>/ (a checkpoint) and OUT/<kind>.logits.pt (what the trained model says), for the
kinds zero1, zero2, zero3, lora3 (an adapter under ZeRO-3) and fsdp.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

IDS = [[1, 50, 60, 2, 9]]
ZERO = {"zero1": 1, "zero2": 2, "zero3": 3, "lora3": 3, "lora1": 1}


def load(model: Path, kind: str):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    if not kind.startswith("lora"):
        return loaded
    shape = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(loaded, shape)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.05)
    return adapted


def train_with_deepspeed(model: Path, out: Path, kind: str) -> None:
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    loaded = load(model, kind)
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "zero_optimization": {"stage": ZERO[kind]},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }
    trained = [parameter for parameter in loaded.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    engine, *_ = deepspeed.initialize(model=loaded, optimizer=optimizer, config=config)
    ids = torch.tensor(IDS)
    engine.backward(engine(input_ids=ids, labels=ids).loss)
    engine.step()
    frozen = kind.startswith("lora")
    engine.save_checkpoint(str(out / kind), exclude_frozen_parameters=frozen)
    if frozen and dist.get_rank() == 0:
        loaded.peft_config["default"].save_pretrained(str(out / kind))
    engine.eval()
    with torch.no_grad():
        write_logits(engine(input_ids=ids).logits, out, kind)


def train_with_fsdp(model: Path, out: Path) -> None:
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_model_state_dict
    from torch.distributed.fsdp import fully_shard

    loaded = load(model, "fsdp")
    for layer in loaded.model.layers:
        fully_shard(layer)
    fully_shard(loaded)
    optimizer = torch.optim.AdamW(loaded.parameters(), lr=1e-2)
    ids = torch.tensor(IDS)
    loaded(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    dcp.save(
        {"model": get_model_state_dict(loaded)}, checkpoint_id=out / "fsdp" / "pytorch_model_fsdp_0"
    )
    with torch.no_grad():
        write_logits(loaded.eval()(input_ids=ids).logits, out, "fsdp")


def write_logits(logits: torch.Tensor, out: Path, kind: str) -> None:
    if dist.get_rank() == 0:
        torch.save(logits, out / f"{kind}.logits.pt")


def run_process(rank: int, model: Path, out: Path, port: int) -> None:
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank)}
    os.environ.update(places, RANK=str(rank), WORLD_SIZE="2", DS_ACCELERATOR="cpu")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    train_with_fsdp(model, out)
    for kind in ZERO:
        train_with_deepspeed(model, out, kind)
        dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    arguments = (Path(sys.argv[1]), Path(sys.argv[2]), port)
    torch.multiprocessing.spawn(run_process, arguments, nprocs=2)


if __name__ == "__main__":
    main()
