"""Ranked rows for the tests of pairs."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.config.pairs import PairsConfig
from alignray.records import RankedPrompt, RowStatus


def build_row(ratings, generations=None, number=0, **columns) -> RankedPrompt:
    """A ranked prompt whose responses are made of words of their own."""
    size = len(ratings)
    texts = generations or [f"answer {i} speaks of thing{i} and of matter{i}" for i in range(size)]
    values = {
        "row": number,
        "prompt_id": f"p{number}",
        "messages": [{"role": "user", "content": f"question {number}"}],
        "subset": "default",
        "category": None,
        "source": f"test:{number}",
        "original": "{}",
        "generations": texts,
        "generation_models": [f"model{i}" for i in range(size)],
        "finish_reasons": ["stop"] * size,
        "ratings": ratings,
        "ranks": [None] * size,
        "safety": [None] * size,
        "helpfulness": [None] * size,
        "verdicts": ["scored"] * size,
        "verdict_reasons": [None] * size,
        "position_ranks": [],
        "flip_rate": None,
        "judge": "judge",
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "status": RowStatus.OK.value,
        "reason": None,
        "key": f"k{number}",
    }
    return RankedPrompt(**(values | columns))


def build_config(**fields) -> PairsConfig:
    return PairsConfig(**({"output_dir": "out", "ranked": "ranked", "margin": 0.5} | fields))


def write_ranked(rows, directory: Path, row_group: int = 3) -> Path:
    """The rows as the output of a ranking stage has them."""
    data = directory / "data"
    data.mkdir(parents=True)
    table = pa.Table.from_pylist([row.to_row() for row in rows], schema=RankedPrompt.ARROW_SCHEMA)
    pq.write_table(table, data / "part-00000.parquet", row_group_size=row_group)
    return directory
