"""Trainings killed for good: SIGKILL of rank 0, rank 1 and the driver at seeded steps.

Claim: the weights are those of an undisturbed run (1e-6), at most the save interval of steps is
done again, no row is skipped or repeated, and a truncated newest checkpoint is passed over.
A killed worker is replaced by the same command, a killed driver's command is given again.

    python -m benchmarks.training_kills [--method dpo] [--strategy zero3] [--seed 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORDS = (
    *("plants", "water", "garden", "soil", "light", "seeds"),
    *("leaves", "sun", "rain", "spade", "rows", "beans"),
)
SAVE_STEPS = 3
STEPS = 30


def write_pairs(path: Path, count: int = 120) -> None:
    """Mild made-up pairs of several lengths."""
    draw = random.Random(7)
    with path.open("w") as stream:
        for i in range(count):
            chosen = " ".join(draw.choices(WORDS, k=draw.randint(3, 30)))
            rejected = " ".join(draw.choices(WORDS, k=draw.randint(3, 30)))
            row = {"prompt": f"Tell me of {WORDS[i % 12]} {i}.", "chosen": chosen}
            stream.write(json.dumps({**row, "rejected": rejected, "completion": chosen}) + "\n")


def build_command(method: str, strategy: str, data: Path, out: Path) -> list[str]:
    """`alignray sft` or `alignray dpo` with two workers."""
    return [
        *[sys.executable, "-m", "alignray", method, f"dataset={data}", f"output_dir={out}"],
        *["model_name_or_path=pocket-base", "learning_rate=1e-3", "train_batch_size=8"],
        *[f"max_steps={STEPS}", f"save_steps={SAVE_STEPS}", "logging_steps=1", "lora_r=4"],
        *["resources.num_workers=2", "resources.per_device_train_batch_size=4"],
        f"resources.strategy={strategy}",
    ]


def read_step(out: Path) -> int:
    """The step that the run has told of last."""
    try:
        return int(json.loads((out / "logs" / "progress.json").read_text())["step"])
    except (OSError, ValueError):
        return -1


def run_killed(command: list[str], out: Path, target: str, step: int) -> dict[str, Any]:
    """Runs the command, kills the target at a step, and runs it to its end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while read_step(out) < step and process.poll() is None:
        time.sleep(0.02)
    killed_at = read_step(out)
    if target == "driver":
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(5)  # its workers notice
        tear_newest(out / "checkpoints")
    else:
        beat = json.loads((out / "logs" / f"heartbeat-{target[-1]}.json").read_text())
        os.kill(beat["pid"], signal.SIGKILL)
        process.wait()
    again = 0
    while not (out / "record.json").is_file() and again < 3:
        again += 1
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"target": target, "killed_at": killed_at, "commands": 1 + again}


def tear_newest(checkpoints: Path) -> None:
    """Cuts the largest file of the newest checkpoint in half."""
    newest = max(checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    files = [file for file in newest.rglob("*") if file.is_file()]
    if files:
        largest = max(files, key=lambda file: file.stat().st_size)
        os.truncate(largest, largest.stat().st_size // 2)


def compare(out: Path, undisturbed: Path) -> dict[str, Any]:
    """How a finished run differs from the undisturbed one."""
    from safetensors.torch import load_file

    name = "model/adapter_model.safetensors"
    found, wanted = load_file(out / name), load_file(undisturbed / name)
    records = [json.loads((path / "record.json").read_text()) for path in (out, undisturbed)]
    curves = [
        {point["step"]: point["loss"] for point in record["metrics"]["curve"]} for record in records
    ]
    resumed = records[0]["metrics"]["resumed_from"]
    return {
        "resumed_from": None if resumed is None else int(resumed.split("-")[1]),
        "weights_max_difference": max((found[k] - wanted[k]).abs().max().item() for k in wanted),
        "loss_max_difference": max(abs(curves[0][s] - curves[1][s]) for s in curves[1]),
        "steps_logged": len(curves[0]),
        "tokens_equal": records[0]["metrics"]["tokens"] == records[1]["metrics"]["tokens"],
    }


def main() -> None:
    """Prints one line per kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=("sft", "dpo"), default="dpo")
    parser.add_argument("--strategy", default="zero3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        data, undisturbed = Path(scratch) / "pairs.jsonl", Path(scratch) / "undisturbed"
        write_pairs(data)
        built = (arguments.method, arguments.strategy, data)
        subprocess.run(
            build_command(*built, undisturbed), check=True, stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for target in ("rank 0", "rank 1", "driver"):
            out = Path(scratch) / target.replace(" ", "-")
            step = draw.randint(SAVE_STEPS + 2, STEPS - 8)
            killed = run_killed(build_command(*built, out), out, target, step)
            rows.append({**killed, **compare(out, undisturbed)})
            print("  ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
