"""n=5 is right: every prompt gets five responses, as long as vLLM's own.

Claim: 256 prompts of the pocket world, 5 outputs on all rows, mean length within 3 % of
`LLM.generate(n=5)`. Seeds differ between the two, so the lengths are two samples of one
distribution; the table shows the standard error.

    python -m benchmarks.n_responses [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

COUNT, N, MAX_TOKENS = 256, 5, 128


def collect_alignray() -> list[list[int]]:
    """Lengths by the sampling stage, through the command line."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as scratch:
        arguments = [
            "prompts=pocket:train",
            f"select.num_prompts={COUNT}",
            "engine.type=vllm",
            "engine.model_name_or_path=pocket-base",
            "engine.dtype=float32",
            f"sampling.n={N}",
            "sampling.top_p=1.0",
            f"sampling.max_tokens={MAX_TOKENS}",
            f"output_dir={scratch}/out",
        ]
        subprocess.run(
            [sys.executable, "-m", "alignray", "sample", *arguments], check=True, stdout=sys.stderr
        )
        rows = pq.read_table(Path(scratch) / "out" / "data")
        return rows["completion_tokens"].to_pylist()


def collect_bare() -> list[list[int]]:
    """Lengths by vLLM's offline class, in a process of its own."""
    code = "from benchmarks.n_responses import run_bare; run_bare()"
    environment = {
        **os.environ,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    lengths: list[list[int]] = json.loads(done.stdout.strip().splitlines()[-1])
    return lengths


def run_bare() -> None:
    """Prints the lengths of `LLM.generate(n=5)` on the same prompts as JSON."""
    from vllm import LLM, SamplingParams

    from alignray.chat import ChatTokenizer
    from alignray.config.sampling import PromptSelection
    from alignray.models import resolve_model
    from alignray.sampling.select import select_prompts
    from alignray.sources import load_prompts

    chat = ChatTokenizer.load("pocket-base")
    selection = PromptSelection(num_prompts=COUNT)
    prompts = list(select_prompts(load_prompts("pocket:train"), selection))
    llm = LLM(
        model=resolve_model("pocket-base"), dtype="float32", enforce_eager=True, max_model_len=2048
    )
    outputs = llm.generate(
        [{"prompt_token_ids": chat.encode_prompt(prompt.messages)} for prompt in prompts],
        SamplingParams(n=N, max_tokens=MAX_TOKENS),
        use_tqdm=False,
    )
    print(json.dumps([[len(o.token_ids) for o in out.outputs] for out in outputs]))


def summarize(name: str, lengths: list[list[int]]) -> dict[str, Any]:
    """Rows, outputs per row, mean length and its standard error (over prompts)."""
    means = np.array([np.mean(row) for row in lengths])
    return {
        "variant": name,
        "rows": len(lengths),
        "rows_with_5": sum(len(row) == N for row in lengths),
        "mean_tokens": round(float(means.mean()), 3),
        "standard_error": round(float(means.std(ddof=1) / np.sqrt(len(means))), 3),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [
        summarize("LLM.generate", collect_bare()),
        summarize("alignray", collect_alignray()),
    ]
    ratio = rows[1]["mean_tokens"] / rows[0]["mean_tokens"]
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in row.items()))
    print(f"ratio of mean lengths: {ratio:.4f}")
    if arguments.json:
        arguments.json.write_text(json.dumps([*rows, {"ratio": ratio}], indent=2) + "\n")


if __name__ == "__main__":
    main()
