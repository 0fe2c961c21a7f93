"""How much a stage would do: rows, requests and generated tokens, as upper bounds.

Only what follows from configuration and from the rows at hand; where that does not say, the number
is unknown (None) and shown as `?`. Time and money are not estimated.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignray.artifacts import read_record
from alignray.config.base import StageConfig
from alignray.config.evaluation import EvalConfig
from alignray.config.ranking import RankConfig
from alignray.config.sampling import PromptSelection, SampleConfig
from alignray.config.sft import SFTStageConfig
from alignray.config.training import DatasetPart, TrainingConfig
from alignray.fingerprint import RECORD_NAME
from alignray.sources import splits_long_dialogues
from alignray.sources.registry import find_source

_COUNTED_BYTES = 256 * 1024 * 1024
_CRITERIA = 2
"""Rubrics in score mode: safety and helpfulness."""


@dataclass(frozen=True)
class Estimate:
    """Upper bounds of a stage's work; None where they are not known beforehand.

    Example: `Estimate(rows=500, requests=500, tokens=640_000, generations=5)`.
    """

    rows: int | None = None
    requests: int | None = None
    tokens: int | None = None
    """Tokens that engines write (prompts come on top), or None."""
    generations: int | None = None
    """Responses per row of the stage's output."""
    note: str = ""


def estimate_stage(config: StageConfig, above: Mapping[str, Estimate]) -> Estimate:
    """The estimate of one stage.

    Args:
        config: its configuration.
        above: estimates of the stages before it, by their directory.
    """
    if isinstance(config, SampleConfig):
        return _estimate_sample(config)
    if isinstance(config, RankConfig):
        return _estimate_rank(config, _find(config.completions, above))
    if isinstance(config, TrainingConfig):
        return _estimate_training(config, above)
    if isinstance(config, EvalConfig):
        return _estimate_eval(config)
    return Estimate(rows=_count_inputs(config, above))


def count_source_rows(name: str) -> int | None:
    """Rows of a local data file or of a finished stage; None where counting is not cheap."""
    path = Path(name).expanduser()
    if (path / RECORD_NAME).is_file():
        return int(read_record(path)["counts"]["ok"])
    if not path.is_file() or path.stat().st_size > _COUNTED_BYTES:
        return None
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    if path.name.endswith((".jsonl", ".jsonl.gz", ".txt")):
        opener: Callable[..., object] = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:  # type: ignore[attr-defined]
            return sum(1 for line in stream if line.strip())
    return None


def _find(name: str, above: Mapping[str, Estimate]) -> Estimate:
    for directory, estimate in above.items():
        if name == directory or name.startswith(f"{directory}/"):
            return estimate
    return Estimate(rows=count_source_rows(name))


def _count_inputs(config: StageConfig, above: Mapping[str, Estimate]) -> int | None:
    """Rows of the first data input, which is what a stage works on."""
    names = [name for kind, name in config.inputs().values() if kind == "data"]
    return _find(names[0], above).rows if names else None


def _select(name: str, select: PromptSelection) -> int | None:
    there = count_source_rows(name)
    known = [count for count in (there, select.num_prompts) if count is not None]
    return min(known) if known else None


def _estimate_sample(config: SampleConfig) -> Estimate:
    rows, n = _select(config.prompts, config.select), config.sampling.n
    return Estimate(rows, rows, _times(rows, n * config.sampling.max_tokens), n)


def _estimate_rank(config: RankConfig, above: Estimate) -> Estimate:
    rows, n = above.rows, above.generations
    if config.mode == "rank":
        requests = _times(rows, config.num_orders)
        return Estimate(rows, requests, _times(requests, config.max_verdict_tokens), n)
    requests = _times(rows, n * _CRITERIA) if n is not None else None
    return Estimate(rows, requests, requests, n)


def _estimate_training(config: TrainingConfig, above: Mapping[str, Estimate]) -> Estimate:
    counts = [_count_part(part, above) for part in config.list_datasets()]
    splits = isinstance(config, SFTStageConfig)
    grows = [splits and splits_long_dialogues(part.dataset) for part in config.list_datasets()]
    bounds = [None if more else count for count, more in zip(counts, grows, strict=True)]
    rows = _bound_mixture(config, bounds)
    if config.max_steps is not None:
        return Estimate(rows, note=f"{config.max_steps} steps")
    if rows is not None:
        return Estimate(rows, note=f"at most {_count_steps(config, rows)} steps")
    whole = _bound_mixture(config, counts)
    if whole is None:
        return Estimate()
    steps = _count_steps(config, whole)
    return Estimate(note=f"at least {steps} steps if no row is left out: long dialogues are split")


def _count_steps(config: TrainingConfig, rows: int) -> int:
    return math.ceil(math.ceil(rows / config.train_batch_size) * config.num_train_epochs)


def _bound_mixture(config: TrainingConfig, counts: Sequence[int | None]) -> int | None:
    """Most rows of an epoch; how far interleaving goes before it ends is drawn."""
    known = [count for count in counts if count is not None]
    is_sum = config.mixing_strategy == "concatenate" and len(known) == len(counts)
    bounds = [sum(known)] if is_sum else []
    if config.max_samples is not None:
        bounds.append(config.max_samples)
    return min(bounds, default=None)


def _count_part(part: DatasetPart, above: Mapping[str, Estimate]) -> int | None:
    """Most rows of its source that a part takes: its share of them, and at most max_rows."""
    name = find_source(part.dataset)[1] if splits_long_dialogues(part.dataset) else part.dataset
    rows = _find(name, above).rows
    if rows is None:
        return part.max_rows
    share = int(part.fraction * rows)
    return share if part.max_rows is None else min(share, part.max_rows)


def _estimate_eval(config: EvalConfig) -> Estimate:
    counts = [_select(bench.prompts, bench.select) for bench in config.benchmarks.values()]
    if any(count is None for count in counts):
        return Estimate()
    answers = sum(count or 0 for count in counts) * len(config.models)
    tokens = answers * (config.sampling.max_tokens + _CRITERIA)
    return Estimate(answers, answers * (1 + _CRITERIA), tokens)


def _times(number: int | None, factor: int) -> int | None:
    return None if number is None else number * factor
