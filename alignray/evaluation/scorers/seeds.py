"""`alignray score seeds FILE...`: several seeds of one model on the same prompts, a file each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from alignray.errors import ConfigError, SourceError
from alignray.evaluation.formats.columns import name_models
from alignray.evaluation.formats.prompt_values import check_range, read_prompt_values
from alignray.evaluation.scorers.prompt_options import PromptOptions
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.score import Measure, Score, ScoreReport
from alignray.evaluation.scoring.seeds import SeedSummary, summarize_seeds


class Options(PromptOptions):
    """Mean over seeds, their standard deviation, and an interval with both sources of variance."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """The mean over all seeds.

    Raises:
        ConfigError: fewer than two files.
        SourceError: a file of another shape.
        EvaluationError: too few prompts with a value of every seed.
    """
    if len(files) < 2:
        raise ConfigError("files", f"{len(files)} of them", "two seeds or more, a file each")
    values = [read_prompt_values(file, options.value, options.id) for file in files]
    for file, found_values in zip(files, values, strict=True):
        check_range(file, found_values, options.low, options.high)
    values, notes = _keep_shared(values)
    if len(files) == 2:
        notes.append("two seeds say little about how far seeds differ")
    low, high = _find_range(values, options)
    bounds = None if low is None or high is None else (low, high)
    resampling = Resampling(options.seed, options.num_resamples, bounds)
    found = summarize_seeds(values, resampling, "seeds")
    names = name_models(files)
    measure = Measure(
        "mean_over_seeds",
        "Mean over seeds",
        "higher",
        -math.inf if low is None else low,
        math.inf if high is None else high,
        "Seeds that were not run; with two seeds the interval is a little too narrow.",
    )
    extra = {
        "seed_sd": found.seed_sd,
        "num_prompts": found.num_prompts,
        "num_seeds": len(files),
        "ci_low_these_seeds": found.prompts_low,
        "ci_high_these_seeds": found.prompts_high,
    }
    score = Score(
        measure,
        "+".join(names.values()),
        f"{len(files)} seeds",
        found.value,
        *_find_interval(found, notes),
        None,
        found.num_rows,
        found.unscored,
        "two-way variance of prompts and seeds, Student's t",
        extra,
    )
    means = dict(zip(names.values(), found.seed_means, strict=True))
    return ScoreReport([score], {"seed_means": means}, notes)


def _keep_shared(
    values: Sequence[dict[str, float | None]],
) -> tuple[list[dict[str, float | None]], list[str]]:
    """The prompts that all seeds have, and a note on the others.

    Raises:
        SourceError: they share none.
    """
    shared = set(values[0]).intersection(*values[1:])
    if not shared:
        raise SourceError("seeds", "no prompt id is in all files", "seeds of the same prompts")
    left = len(set().union(*values) - shared)
    kept = [{name: value for name, value in seed.items() if name in shared} for seed in values]
    return kept, [f"{left} prompts are not in all files: left out"] if left else []


def _find_interval(found: SeedSummary, notes: list[str]) -> tuple[float | None, float | None]:
    """The interval; none, and a note, where equal values would give one of no width."""
    if found.ci_low < found.ci_high:
        return found.ci_low, found.ci_high
    notes.append("all values are equal: no interval without a range, give low= and high=")
    return None, None


def _find_range(
    values: Sequence[dict[str, float | None]], options: Options
) -> tuple[float | None, float | None]:
    """The range that was given; 0 to 1 where every value is 0 or 1."""
    known = {value for seed in values for value in seed.values() if value is not None}
    if options.low is None and known and known <= {0.0, 1.0}:
        return 0.0, 1.0
    return options.low, options.high
