"""`alignray score paired FIRST SECOND`: two models on the same prompts, joined by prompt id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from alignray.errors import ConfigError
from alignray.evaluation.formats.columns import name_models
from alignray.evaluation.formats.prompt_values import (
    check_range,
    choose_value_column,
    read_prompt_values,
)
from alignray.evaluation.scorers.prompt_options import PromptOptions
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.paired import Comparison, compare_paired, join_by_prompt
from alignray.evaluation.scoring.score import Measure, Score, ScoreReport

_MAX_LISTED = 20


class Options(PromptOptions):
    """Mean of the second model minus mean of the first, over the prompts that both have.

    With an interval and a two-sided p-value; yes-or-no values also get the exact McNemar test.
    """

    direction: Literal["lower", "higher"] = "higher"
    """Which values are better."""
    num_resamples: int = Field(default=10_000, ge=100, le=100_000)
    """Of the bootstrap."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """The difference, and what was left out.

    Raises:
        ConfigError: not two files.
        SourceError: a file of another shape.
        EvaluationError: no prompt with a value of both.
    """
    if len(files) != 2:
        raise ConfigError("files", f"{len(files)} of them", "two, the first is compared with")
    first, second = (read_prompt_values(file, options.value, options.id) for file in files)
    for file, values in zip(files, (first, second), strict=True):
        check_range(file, values, options.low, options.high)
    matched = join_by_prompt(first, second)
    span = None if options.low is None or options.high is None else options.high - options.low
    bounds = None if span is None else (-span, span)
    found = compare_paired(matched, Resampling(options.seed, options.num_resamples, bounds))
    names = name_models(files)
    score = _build(found, names[files[1]], names[files[0]], matched.unscored, span)
    measure = replace(score.measure, direction=options.direction)
    report = ScoreReport([replace(score, measure=measure)], notes=_describe(found, files, options))
    for name, only in ((files[0], matched.only_first), (files[1], matched.only_second)):
        if only:
            report.details.setdefault("unmatched", {})[names[name]] = only[:_MAX_LISTED]
            report.notes.append(f"{len(only)} prompts only in {name.name}: left out")
    return report


def _build(found: Comparison, second: str, first: str, unscored: int, span: float | None) -> Score:
    reach = 1.0 if found.exact else span if span is not None else float("inf")
    measure = Measure(
        "paired_difference",
        "Mean difference on the same prompts",
        "higher",
        -reach,
        reach,
        "Whether the difference holds on other prompts than such as these, or with another seed.",
    )
    extra: dict[str, object] = {"compared_with": first, "bootstrap_p_value": found.p_value}
    if found.exact:
        extra |= {"mcnemar_p_value": found.exact.p_value, "table": _count(found)}
        method = "Newcombe interval of a paired difference (method 8)"
    elif span is None:
        method = "bootstrap over prompts, percentiles expanded to Student's t"
    else:
        method = "bootstrap over prompts, Wilson interval by effective rows"
    return Score(
        measure,
        second,
        f"vs {first}",
        found.value,
        found.ci_low,
        found.ci_high,
        None,
        found.n,
        unscored,
        method,
        extra,
    )


def _describe(found: Comparison, files: Sequence[Path], options: Options) -> list[str]:
    """Which columns were compared, and the p-values."""
    columns = dict.fromkeys(choose_value_column(file, options.value) for file in files)
    exact = f", exact McNemar {found.exact.p_value:.4g}" if found.exact else ""
    taken = " and ".join(f"`{name}`" for name in columns)
    return [f"values of {taken}", f"two-sided p: bootstrap {found.p_value:.4g}{exact}"]


def _count(found: Comparison) -> dict[str, int]:
    table = asdict(found.exact) if found.exact else {}
    return {name: table[name] for name in ("only_first", "only_second", "both", "neither")}
