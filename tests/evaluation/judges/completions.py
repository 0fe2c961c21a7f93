"""Made-up rows of answers for judges: mild text, in a file where a stage wants one."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.records import Completion

MODELS = ("base", "sft")
WORDS = ["tea", "sea", "stone", "glass", "bird", "road", "lamp", "wind", "paper", "lock"]


def build_completion(row: int = 0, answers: tuple[str, ...] = ("Yes.", "No.")) -> dict[str, Any]:
    """A row with one answer of each model."""
    return Completion(
        row=row,
        prompt_id=f"p-{row}",
        messages=[{"role": "user", "content": f"Question {row} about tea?"}],
        subset="default",
        category=None,
        source=f"x.jsonl:{row}",
        original="{}",
        generations=list(answers),
        generation_models=list(MODELS[: len(answers)]),
        finish_reasons=["stop"] * len(answers),
        completion_tokens=[3] * len(answers),
        prompt_tokens=5,
        logps=[None] * len(answers),
        sampling="{}",
        status="ok",
        reason=None,
        key=f"k-{row}",
    ).to_row()


def build_failed_completion(row: int = 0) -> dict[str, Any]:
    """A row whose sampling failed."""
    return build_completion(row, ()) | {"status": "failed", "reason": "engine died"}


def write_completions(path: Path, count: int, seed: int = 0) -> Path:
    """A parquet file of rows with two answers each, all different."""
    rng = random.Random(seed)
    rows = []
    for row in range(count):
        first, second = (
            f"{row} {side} " + " ".join(rng.choices(WORDS, k=rng.randint(1, 60))) for side in "ab"
        )
        rows.append(build_completion(row, (first, second)))
    pq.write_table(pa.Table.from_pylist(rows, schema=Completion.ARROW_SCHEMA), path)
    return path
