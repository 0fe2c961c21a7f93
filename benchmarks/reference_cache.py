"""Cached against live reference log-probabilities in DPO.

Claim: the same losses (1e-5), and over three epochs at most .85x the CPU seconds of the live run,
start-up apart. Start-up is measured by the same command with one optimizer step and subtracted,
so the pass over the reference counts as work (but for that of its own start).

    python -m benchmarks.reference_cache [--weights full lora] [--rows 160] [--hidden 256]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.process_tree import Measurement, measure_command
from benchmarks.random_model import build_random_model

BATCH, EPOCHS = 16, 3
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
        start = run({**own, "dataset": str(small), "max_steps": 1}, scratch / f"{weights}-{name}-1")
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
