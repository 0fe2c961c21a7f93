"""Killed for good: SIGKILL of driver, engine process and Ray worker at seeded points.

Claim: 0 rows lost, 0 duplicated, 0 unreadable files, regenerated tokens at most those in flight,
and data equal to an undisturbed run's. Every kill is one attempt at the command; a driver that is
killed is started again, one that lost an engine or a worker must go on by itself.

    python -m benchmarks.kills [--engine fake|vllm] [--kills 10] [--prompts 300] [--json FILE]
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

TARGETS = ("driver", "engine", "worker")
IN_FLIGHT_SEQUENCES = 20
_OVERFILL = 1.25


def build_sample_arguments(engine: str, prompts: Path, out: Path, trace: Path) -> list[str]:
    """`alignray sample` on the prompts with the engine."""
    return [
        "sample",
        f"prompts={prompts}",
        f"output_dir={out}",
        "sampling.n=5",
        "sampling.max_tokens=40",
        *_build_engine_arguments("engine", engine, "pocket-base", trace),
    ]


def build_rank_arguments(engine: str, completions: Path, out: Path, trace: Path) -> list[str]:
    """`alignray rank` on the sampled responses with the engine."""
    return [
        "rank",
        f"completions={completions}",
        f"output_dir={out}",
        "safety_rubric=pocket_safety",
        "helpfulness_rubric=pocket_helpfulness",
        *_build_engine_arguments("judge", engine, "pocket-judge", trace),
    ]


def _build_engine_arguments(field: str, engine: str, model: str, trace: Path) -> list[str]:
    slots = f"{field}.resources.max_num_seqs={IN_FLIGHT_SEQUENCES}"
    if engine == "vllm":
        return [
            f"{field}.type=vllm",
            f"{field}.model_name_or_path={model}",
            f"{field}.dtype=float32",
            slots,
        ]
    return [
        f"{field}.type=fake",
        f"{field}.seconds_per_token={0.01 if field == 'engine' else 0.15}",
        f"{field}.resources.trace_file={trace}",
        slots,
    ]


def run_killed(arguments: Sequence[str], out: Path, plan: list[tuple[str, float]]) -> list[str]:
    """Runs a command to its end under a plan of (target, share of rows done) kills.

    Returns:
        The kills that happened, as `target@rows`.
    """
    done: list[str] = []
    while True:
        process = _start(arguments)
        while process.poll() is None:
            if plan and _count_rows(out) >= plan[0][1]:
                target = plan[0][0]
                if _kill(process, target):
                    done.append(f"{target}@{_count_rows(out)}")
                    plan.pop(0)
                    if target != "driver":
                        time.sleep(1.0)
            time.sleep(0.05)
        if process.returncode == 0:
            return done
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"{arguments[0]}: exit {process.returncode}, see {out}")
        _wait_for_orphans()


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "alignray", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if not os.environ.get("VERBOSE") else None,
    )


def _count_rows(out: Path) -> int:
    """Rows committed so far, from the manifests."""
    rows = 0
    for manifest in (out / "ledger").glob("manifest*.jsonl"):
        for line in manifest.read_text().splitlines():
            try:
                rows += json.loads(line)["num_rows"]
            except ValueError:
                continue
    return rows


def _kill(driver: subprocess.Popen[bytes], target: str) -> bool:
    """SIGKILL of one process of the run; False where there is none of the kind now."""
    try:
        children = psutil.Process(driver.pid).children(recursive=True)
        names = {"engine": "EngineCore", "worker": "MapWorker"}
        victims = [
            child
            for child in children
            if target in names and names[target] in " ".join(child.cmdline())
        ]
        if target == "driver":
            victims = [psutil.Process(driver.pid)]
        for victim in victims[:1]:
            victim.kill()
        return bool(victims)
    except psutil.Error:
        return False


def _wait_for_orphans() -> None:
    """Ray ends its processes when their driver is gone; that takes a few seconds."""
    time.sleep(5)


def check_rows(out: Path, expected: int) -> dict[str, int]:
    """Rows lost, duplicated, and files that cannot be read."""
    rows, unreadable = [], 0
    for file in sorted(out.rglob("*.parquet")):
        try:
            table = pq.read_table(file)
        except Exception:
            unreadable += 1
            continue
        if file.parent.name == "data":
            rows += table["row"].to_pylist()
    return {
        "lost": expected - len(set(rows)),
        "duplicated": len(rows) - len(set(rows)),
        "unreadable": unreadable,
    }


def count_waste(trace: Path) -> tuple[int, int]:
    """(tokens asked for more than once, tokens of the largest single answer)."""
    first: dict[str, int] = {}
    waste, largest = 0, 0
    for line in trace.read_text().splitlines():
        request, tokens = line.split()
        largest = max(largest, int(tokens))
        if request in first:
            waste += int(tokens)
        first[request] = int(tokens)
    return waste, largest


def rehearse(engine: str, num_kills: int, num_prompts: int, seed: int = 0) -> list[dict[str, Any]]:
    """Sampling and ranking, each once undisturbed and once under its share of the kills."""
    targets = TARGETS if engine == "vllm" else ("driver", "worker")
    choose = random.Random(seed)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        prompts = root / "prompts.txt"
        lines = (f"Please tell me about topic {i}.\n" for i in range(num_prompts))
        prompts.write_text("".join(lines))
        build = {"sample": build_sample_arguments, "rank": build_rank_arguments}
        source = prompts
        for stage, kills in (("sample", (num_kills + 1) // 2), ("rank", num_kills // 2)):
            calm, rough = root / f"{stage}-calm", root / f"{stage}-rough"
            run_killed(build[stage](engine, source, calm, root / f"{stage}-calm.trace"), calm, [])
            points = sorted(choose.uniform(0, 0.95) * num_prompts for _ in range(kills))
            plan = [(targets[i % len(targets)], point) for i, point in enumerate(points)]
            trace = root / f"{stage}-rough.trace"
            happened = run_killed(build[stage](engine, source, rough, trace), rough, list(plan))
            results.append(
                {
                    "stage": stage,
                    "engine": engine,
                    "kills": happened,
                    **check_rows(rough, num_prompts),
                    "equal": _read(calm) == _read(rough),
                    **(_describe_waste(trace, len(happened)) if engine == "fake" else {}),
                }
            )
            source = calm
    return results


def _describe_waste(trace: Path, kills: int) -> dict[str, int]:
    waste, largest = count_waste(trace)
    return {
        "regenerated_tokens": waste,
        "in_flight_bound": int(kills * _OVERFILL * IN_FLIGHT_SEQUENCES * largest),
    }


def _read(out: Path) -> list[dict[str, Any]]:
    return pq.read_table(out / "data").to_pylist()  # type: ignore[no-any-return]


def main() -> None:
    """Prints the table; exit code 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("fake", "vllm"), default="fake")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = rehearse(arguments.engine, arguments.kills, arguments.prompts, arguments.seed)
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in row.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    broken = [r for r in rows if r["lost"] or r["duplicated"] or r["unreadable"] or not r["equal"]]
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
