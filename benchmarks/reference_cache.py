"""Cached against live reference log-probabilities in DPO.

Claim: the same losses (1e-5), and over three epochs at most .85x the CPU seconds of the live run,
start-up apart. The same command with one batch of rows is measured too and subtracted: what is left
is the work on the other rows, all of it in the same proportion, the pass over the reference too.

Per weight and token, with a forward of 2 and a backward of 4 (2 under a frozen weight), E epochs:

    full weights   live 8E, cached 6E + 2      (E = 3: 20/24 = .833)
    LoRA           live 6E, cached 4E + 2      (E = 3: 14/18 = .778)

and 6E for each weight of the adapter in both, which no cache saves. What is left of this in kernels
is measured beside it, as `ratio_of_the_model`: the seconds of a step and of a reference forward of
the same model in plain transformers and PEFT, without anything around them.

    python -m benchmarks.reference_cache [--weights full lora] [--rows 160] [--hidden 256]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.process_tree import Measurement, measure_command
from benchmarks.random_model import build_random_model

BATCH, EPOCHS = 16, 3
EXPECTED = {"full": (6 * EPOCHS + 2) / (8 * EPOCHS), "lora": (4 * EPOCHS + 2) / (6 * EPOCHS)}
"""Ratio by operations, without those of an adapter's own weights."""
WORDS = (
    *("plants", "water", "garden", "soil", "light", "seeds"),
    *("leaves", "sun", "rain", "spade", "rows", "beans"),
)
RUN = """
import json, sys
from alignray.config.dpo import DPOStageConfig
from alignray.training.on_ray import run_dpo
record = run_dpo(DPOStageConfig.model_validate(json.loads(sys.argv[1])))
curve = record["metrics"]["curve"]
print(json.dumps({"losses": [point["loss"] for point in curve]}))
"""


def write_pairs(path: Path, count: int) -> None:
    """Made-up pairs with prompts and responses of about 60 words each."""
    draw = random.Random(3)
    with path.open("w") as stream:
        for _ in range(count):
            texts = [" ".join(draw.choices(WORDS, k=draw.randint(40, 80))) for _ in range(3)]
            row = dict(zip(("prompt", "chosen", "rejected"), texts, strict=True))
            stream.write(json.dumps(row) + "\n")


def run(fields: dict[str, Any], out: Path) -> Measurement:
    """One training in a process of its own."""
    config = {**fields, "output_dir": str(out)}
    return measure_command(["-c", RUN, json.dumps(config)], {**os.environ, "OMP_NUM_THREADS": "1"})


def measure_model(model: Path, weights: str) -> float:
    """The ratio by CPU seconds of a forward and backward, and of a forward of the reference."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    policy = AutoModelForCausalLM.from_pretrained(model)
    if weights == "lora":
        shape = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        policy = get_peft_model(policy, shape)
    ids = torch.randint(3, policy.config.vocab_size, (8, 500))

    def score() -> torch.Tensor:
        log_probs = policy(input_ids=ids, use_cache=False).logits.log_softmax(-1)
        return log_probs.gather(-1, ids[..., None]).mean()

    def refer() -> None:
        with torch.no_grad(), policy.disable_adapter() if weights == "lora" else nullcontext():
            score()

    def step() -> None:
        score().backward()
        policy.zero_grad()

    forward, whole = _time(refer), _time(step)
    return (EPOCHS * whole + forward) / (EPOCHS * (whole + forward))


def _time(work: Callable[[], None], times: int = 3) -> float:
    work()
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times


def compare(weights: str, rows: int, hidden: int, scratch: Path) -> dict[str, Any]:
    """CPU seconds of the cached and of the live run, and how far their losses are apart."""
    data = scratch / "pairs.jsonl"
    write_pairs(data, rows)
    fields = {
        "model_name_or_path": str(build_random_model(scratch / "model", hidden_size=hidden)),
        "dataset": str(data),
        "use_peft": weights == "lora",
        "learning_rate": 1e-4,
        "train_batch_size": BATCH,
        "max_length": 1024,
        "num_train_epochs": EPOCHS,
        "logging_steps": 1,
        "save_steps": 10_000,
    }
    cpu, losses = {}, {}
    for name, cached in (("live", False), ("cached", True)):
        own = {**fields, "precompute_ref_log_probs": cached}
        whole = run(own, scratch / f"{weights}-{name}")
        small = scratch / "few.jsonl"
        write_pairs(small, BATCH)
        start = run({**own, "dataset": str(small)}, scratch / f"{weights}-{name}-start")
        cpu[name] = whole.cpu_seconds - start.cpu_seconds
        losses[name] = whole.result["losses"]
    return {
        "weights": weights,
        "rows": rows,
        "hidden_size": hidden,
        "epochs": EPOCHS,
        "live_cpu_seconds": round(cpu["live"], 1),
        "cached_cpu_seconds": round(cpu["cached"], 1),
        "ratio": round(cpu["cached"] / cpu["live"], 3),
        "ratio_by_operations": round(EXPECTED[weights], 3),
        "ratio_of_the_model": round(measure_model(scratch / "model", weights), 3),
        "largest_difference_of_losses": max(
            abs(a - b) for a, b in zip(losses["live"], losses["cached"], strict=True)
        ),
    }


def main() -> None:
    """Prints a line per kind of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", nargs="+", default=["full", "lora"])
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    for weights in arguments.weights:
        with tempfile.TemporaryDirectory() as scratch:
            results.append(compare(weights, arguments.rows, arguments.hidden, Path(scratch)))
        print("  ".join(f"{name}={value}" for name, value in results[-1].items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
