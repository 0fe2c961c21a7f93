"""Size: 10k, 100k and 1,000,000 prompts through the engine without latency.

Claim: driver under 1.5 GiB at each, at least 1,000 rows/s, time linear in rows, and a resume over
1,000,000 finished rows in under 60 s.

    python -m benchmarks.scale [--sizes 10000 100000 1000000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.process_tree import measure_command


def write_source(path: Path, count: int) -> None:
    """A JSONL file of prompts."""
    with path.open("w") as stream:
        for i in range(count):
            stream.write(json.dumps({"prompt": f"Please tell me about topic {i} in brief."}) + "\n")


def run_child(source: Path, out: Path) -> None:
    """One `alignray sample` with the fake engine; prints its seconds and counts as JSON."""
    from alignray.config.inference import FakeEngineConfig, SamplingParams
    from alignray.config.sampling import SampleConfig
    from alignray.sampling.on_ray import run_sample

    started = time.monotonic()
    record = run_sample(
        SampleConfig(
            output_dir=str(out),
            prompts=str(source),
            engine=FakeEngineConfig(),
            sampling=SamplingParams(n=5),
        )
    )
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": round(seconds, 2), **record["counts"]}))


def measure(source: Path, out: Path) -> dict[str, Any]:
    """Seconds and the driver's peak memory of one run."""
    arguments = ["-m", "benchmarks.scale", "--child", str(source), str(out)]
    measured = measure_command(arguments, dict(os.environ))
    return {**measured.result, "driver_peak_mib": round(measured.peak_rss_mib)}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--child", type=Path, nargs=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(*arguments.child)
        return
    rows = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            source, out = Path(scratch) / "prompts.jsonl", Path(scratch) / "out"
            write_source(source, size)
            first = measure(source, out)
            (out / "record.json").unlink()
            resumed = measure(source, out)
        rows.append(
            {
                "prompts": size,
                **first,
                "rows_per_second": round(size / first["seconds"]),
                "resume_seconds": resumed["seconds"],
                "resume_driver_peak_mib": resumed["driver_peak_mib"],
            }
        )
        print("  ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
