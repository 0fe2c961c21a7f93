"""A row that kills a real vLLM engine every time it is asked.

Claim: it is quarantined after its bounded tries, every other row is answered, and the command says
so (exit code 3, the row named in the data).

The model lacks the last rows of its embedding, the tokenizer does not: a prompt with one of these
tokens passes every check and then ends the engine's process with an IndexError.

    python -m benchmarks.poison [--prompts 40] [--tries 2]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignray.pocket import MODELS


def build_broken_model(directory: Path) -> int:
    """Writes pocket-base without the last rows of its embedding; returns how many are left.

    vLLM rounds the rows up to a multiple of 64, so a multiple of 64 is left.
    """
    from safetensors.torch import load_file, save_file

    shutil.copytree(MODELS["pocket-base"], directory)
    config = json.loads((directory / "config.json").read_text())
    size = config["vocab_size"]
    left = (size - 1) // 64 * 64
    weights = load_file(directory / "model.safetensors")
    cut = {
        name: tensor[:left].clone() if tensor.shape[0] == size else tensor
        for name, tensor in weights.items()
    }
    save_file(cut, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps({**config, "vocab_size": left}))
    return left


def choose_prompts(model: Path, left: int, count: int) -> list[str]:
    """Prompts that the broken model can read, and in their middle one that it cannot."""
    from alignray.chat import ChatTokenizer

    chat = ChatTokenizer.load(str(model))

    def is_poison(text: str) -> bool:
        return max(chat.encode_prompt([{"role": "user", "content": text}])) >= left

    words = [chat.decode([token]) for token in range(left, len(chat.tokenizer))]
    poison = next(text for word in words if is_poison(text := f"Tell me of{word}"))
    harmless = [f"How can I {verb} {i}?" for i in range(10 * count) for verb in ("do", "see")]
    kept = [text for text in harmless if not is_poison(text)][: count - 1]
    return [*kept[: count // 2], poison, *kept[count // 2 :]]


def run(scratch: Path, count: int, tries: int) -> dict[str, Any]:
    """One `alignray sample` over `count` prompts, of which one is the poison."""
    model = scratch / "model"
    prompts = choose_prompts(model, build_broken_model(model), count)
    source = scratch / "prompts.jsonl"
    source.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts))
    out = scratch / "out"
    command = [
        *[sys.executable, "-m", "alignray", "sample", f"prompts={source}", f"output_dir={out}"],
        *["engine.type=vllm", f"engine.model_name_or_path={model}", "engine.dtype=float32"],
        *["sampling.n=2", "sampling.max_tokens=8", f"pool.max_row_tries={tries}"],
        "pool.max_failed_rate=0.1",
    ]
    started = time.monotonic()
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    rows = pq.read_table(out / "data").to_pylist()
    failed = [row for row in rows if row["status"] == "failed"]
    return {
        "prompts": count,
        "exit_code": done.returncode,
        "ok": sum(row["status"] == "ok" for row in rows),
        "failed_rows": [row["row"] for row in failed],
        "poison_row": count // 2,
        "reason": failed[0]["reason"] if failed else None,
        "said": done.stderr.strip().splitlines()[-1],
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Prints what became of the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--tries", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name, value in run(Path(scratch), arguments.prompts, arguments.tries).items():
            print(f"{name}={value}")


if __name__ == "__main__":
    main()
