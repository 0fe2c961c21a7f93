"""Rows of completions for the tests of ranking."""

from __future__ import annotations

from typing import Any

from alignray.config.ranking import RankConfig


def build_completion(row: int = 0, **changes: Any) -> dict[str, Any]:
    generations = changes.pop("generations", ["Yes, like this.", "No.", "Maybe."])
    size = len(generations)
    return {
        "row": row,
        "prompt_id": f"p{row}",
        "messages": [{"role": "user", "content": f"How do I bake bread {row}?"}],
        "subset": "benign",
        "category": None,
        "source": f"prompts.jsonl:{row + 1}",
        "original": "{}",
        "generations": generations,
        "generation_models": ["tiny"] * size,
        "finish_reasons": ["stop"] * size,
        "completion_tokens": [3] * size,
        "prompt_tokens": 5,
        "logps": [None] * size,
        "sampling": "{}",
        "status": "ok",
        "reason": None,
        "key": "k",
    } | changes


def build_config(**changes: Any) -> RankConfig:
    judge = changes.pop("judge", {"type": "fake"})
    return RankConfig(
        **({"output_dir": "out", "completions": "in.parquet", "judge": judge} | changes)
    )
