"""Ray tax: CPU seconds of the row stage against the bare engine doing the same work.

Claim: 2,000 prompts x 5 responses x 64 tokens on a 4M-parameter model cost at most 1.15x the CPU
seconds of vLLM's own `LLM.generate` in one process, start-up apart. Start-up is measured by the
same command with 200 prompts, beyond which the 2,000 come: Ray's workers are still importing when
the first rows are done, so a smaller run would not hold all of it. Beside it the same ratio for
plain ray.data.llm (five rows a prompt, as it keeps one response of n).

    python -m benchmarks.ray_tax [--prompts 2000] [--variants bare alignray] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.process_tree import measure_command
from benchmarks.random_model import build_random_model

VARIANTS = ("bare", "alignray", "ray.data.llm")
START_PROMPTS = 200
MAX_TOKENS = 64
N = 5


def build_conversations(count: int) -> list[list[dict[str, str]]]:
    """Prompts of about 20 words."""
    words = "please explain in a few plain words how one can take good care of garden tool"
    return [
        [{"role": "user", "content": f"{words} number {i} on a {i % 7} day"}] for i in range(count)
    ]


def run_bare(model: Path, count: int) -> dict[str, Any]:
    """The offline class of vLLM in this process."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from vllm import LLM, SamplingParams

    llm = LLM(
        model=str(model),
        dtype="float32",
        max_num_seqs=256,
        max_num_batched_tokens=16384,
        enforce_eager=True,
        enable_chunked_prefill=False,
        seed=0,
    )
    params = [SamplingParams(n=N, max_tokens=MAX_TOKENS, top_p=0.95, seed=i) for i in range(count)]
    outputs = llm.chat(build_conversations(count), params, use_tqdm=False)  # type: ignore[arg-type]
    return {"tokens": sum(len(o.token_ids) for out in outputs for o in out.outputs)}


def run_alignray(model: Path, count: int) -> dict[str, Any]:
    """The sampling stage's own path: ledger, actor, engine."""
    import pyarrow as pa

    from alignray.config.inference import PoolConfig, SamplingParams, VLLMEngineConfig
    from alignray.inference.on_ray import run_row_stage
    from alignray.records import Prompt
    from alignray.sampling.task import SampleTask
    from alignray.sources import write_prompts

    engine = VLLMEngineConfig(model_name_or_path=str(model), dtype="float32")
    task = SampleTask(engine, SamplingParams(n=N, max_tokens=MAX_TOKENS, top_p=0.95))
    directory = Path(tempfile.mkdtemp())
    prompts = (
        Prompt(i, f"p{i}", messages, "default", None, f"made:{i}", "{}")  # type: ignore[arg-type]
        for i, messages in enumerate(build_conversations(count))
    )
    write_prompts(prompts, directory / "prompts")
    files = sorted((directory / "prompts").glob("*.parquet"))
    result = run_row_stage(task, files, engine, PoolConfig(), directory / "stage", "sample")
    shutil.rmtree(directory)
    assert pa is not None and result.counts.ok == count
    return {"tokens": result.completion_tokens}


def run_ray_data_llm(model: Path, count: int) -> dict[str, Any]:
    """Ray Data's own vLLM processor with its defaults, five rows a prompt."""
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    processor = build_processor(
        vLLMEngineProcessorConfig(
            model_source=str(model),
            engine_kwargs={
                "dtype": "float32",
                "enforce_eager": True,
                "enable_chunked_prefill": False,
                "max_model_len": 2048,
            },
            placement_group_config={"bundles": [{"CPU": 1}]},
            concurrency=1,
        ),
        preprocess=lambda row: {
            "messages": row["messages"],
            "sampling_params": {"max_tokens": MAX_TOKENS, "top_p": 0.95, "seed": row["seed"]},
        },
        postprocess=lambda row: {"tokens": row["num_generated_tokens"]},
    )
    rows = [
        {"messages": messages, "seed": i * N + k}
        for i, messages in enumerate(build_conversations(count))
        for k in range(N)
    ]
    answered = processor(ray.data.from_items(rows)).take_all()
    return {"tokens": int(sum(row["tokens"] for row in answered)), "rows": len(answered)}


def compare(count: int, model: Path, variants: Sequence[str]) -> list[dict[str, Any]]:
    """CPU seconds per 1,000 generated tokens of each variant, start-up apart; bare comes first."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    rows = []
    for variant in variants:
        arguments = ["-m", "benchmarks.ray_tax", "--variant", variant, "--model", str(model)]
        small = measure_command([*arguments, "--prompts", str(START_PROMPTS)], environment)
        large = measure_command([*arguments, "--prompts", str(START_PROMPTS + count)], environment)
        tokens = large.result["tokens"] - small.result["tokens"]
        cpu = large.cpu_seconds - small.cpu_seconds
        rows.append(
            {
                "variant": variant,
                "cpu_seconds": round(cpu, 2),
                "start_cpu_seconds": round(small.cpu_seconds, 2),
                "wall_seconds": round(large.wall_seconds, 1),
                "tokens": tokens,
                "cpu_seconds_per_1000_tokens": round(1000 * cpu / tokens, 4),
            }
        )
    bare = rows[0]["cpu_seconds_per_1000_tokens"]
    return [row | {"ratio": round(row["cpu_seconds_per_1000_tokens"] / bare, 3)} for row in rows]


def main() -> None:
    """Prints the table, or runs one variant as a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.variant:
        run = {"bare": run_bare, "alignray": run_alignray, "ray.data.llm": run_ray_data_llm}
        print(json.dumps(run[arguments.variant](arguments.model, arguments.prompts)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        model = build_random_model(arguments.model or Path(scratch) / "random-4m")
        rows = compare(arguments.prompts, model, arguments.variants)
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in row.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
