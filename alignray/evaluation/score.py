"""`alignray score METRIC FILE...`: metrics out of files alone, ours or a publisher's.

A scorer is a module of `scorers/` with a class `Options` and a function
`score_files(files, options) -> ScoreReport`. It reads its files by `formats/` and computes by
`scoring/`.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.config.base import Config
from alignray.config.loading import load_config, suggest
from alignray.errors import ConfigError, EvaluationError, SourceError
from alignray.evaluation.formats.columns import strip_suffixes
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.scoring.score import Score, ScoreReport
from alignray.reports.table import format_table

_PACKAGE = "alignray.evaluation.scorers"
_NAMED_BY_FILE = ("cas", "asr", "gsm8k", "harmfulness", "perplexity", "preference_accuracy",
                  "pairwise_accuracy")  # fmt: skip
"""Metrics whose model is the file's name where the rows do not say it."""
_NO_ROWS = (".xlsx", ".xls", ".ods", ".zip", ".pkl", ".npy", ".npz", ".arrow", ".feather", ".pdf")
"""Types that hold no rows that could be read here."""
_APART = ("against", "reference", "annotator", "judge", "category")
"""Of a score's extras: a column of the table each where rows differ in it."""


@dataclass(frozen=True)
class Scorer:
    """One metric of `alignray score`; `module` is its file in `scorers/`."""

    name: str
    module: str
    reads: str
    """The files that it takes, in a few words."""

    def load_options(self) -> type[Config]:
        """The class of its `key=value` options."""
        options: type[Config] = self._load().Options
        return options

    def score(self, files: Sequence[Path], options: Config) -> ScoreReport:
        """Reads the files and computes.

        Raises:
            EvaluationError: there is no score: nothing computed is no success.
        """
        report: ScoreReport = self._load().score_files(files, options)
        if not report.scores:
            where = ", ".join(map(str, files))
            raise EvaluationError(where, f"no scored rows for {self.name}", "at least one")
        return report

    def _load(self) -> Any:
        return importlib.import_module(f"{_PACKAGE}.{self.module}")


SCORERS: dict[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        Scorer("cas", "rewards", "HmR, HpR, CAS: responses with reward-model ratings"),
        Scorer("win_rate", "win_rate", "annotations of AlpacaEval"),
        Scorer("asr", "attack_success", "responses to attacks, in any form (keyword rule)"),
        Scorer("jailbreakbench", "jailbreakbench", "attack artifacts of JailbreakBench"),
        Scorer("xstest", "over_refusal", "completions or labels of XSTest"),
        Scorer("over_refusal", "over_refusal", "completions or labels of XSTest"),
        Scorer("lm_eval", "lm_eval", "results.json of lm-evaluation-harness"),
        Scorer("mmlu", "mmlu", "MMLU predictions or Hendrycks-style results, one per subject"),
        Scorer("gsm8k", "gsm8k", "replies to GSM8K problems beside their answers"),
        Scorer("moderation", "moderation", "moderation replies, or OpenAI's labelled set"),
        Scorer("harmfulness", "harmfulness", "levels 1 to 5, or raw replies of the judge"),
        Scorer("perplexity", "perplexity", "token log-probabilities, or sums with token counts"),
        Scorer("preference_accuracy", "preference_accuracy", "score_chosen and score_rejected"),
        Scorer("pairwise_accuracy", "preference_accuracy", "score_chosen and score_rejected"),
        Scorer("agreement", "agreement", "two or more columns of labels, or files joined by id"),
        Scorer("judge_accuracy", "judge_accuracy", "PandaLM, LLMBar, or gold and verdict columns"),
        Scorer("position_consistency", "position_consistency", "verdicts in both orders"),
        Scorer("paired", "paired", "two models' values of the same prompts"),
        Scorer("seeds", "seeds", "one model's values of the same prompts, a file a seed"),
    )
}


def find_scorer(name: str) -> Scorer:
    """The scorer of a metric; upper case and hyphens are taken too.

    Raises:
        ConfigError: there is none of this name.
    """
    plain = name.lower().replace("-", "_")
    if plain not in SCORERS:
        known = ", ".join(SCORERS)
        raise ConfigError(
            "alignray score", f"no metric `{name}`", f"one of {known}", suggest(plain, SCORERS)
        )
    return SCORERS[plain]


def run_score(metric: str, arguments: Sequence[str], as_json: bool) -> str:
    """The text that `alignray score` prints.

    Args:
        metric: name of the metric.
        arguments: files, and `key=value` options.
        as_json: one JSON object in place of a table.

    Raises:
        ConfigError: no such metric, a bad option, no file.
        SourceError: a file that is missing or of another shape.
        EvaluationError: nothing to compute a number from.
    """
    scorer = find_scorer(metric)
    files, overrides = _split_arguments(arguments)
    options = load_config(scorer.load_options(), None, overrides)
    if not files:
        raise ConfigError("arguments", "no file", scorer.reads, f"alignray score {metric} FILE...")
    _check_files(scorer, files)
    report = scorer.score(files, options)
    text = render_json(scorer, report) if as_json else render_report(report)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half surrogates in names


def _check_files(scorer: Scorer, files: Sequence[Path]) -> None:
    """Files are there, of a type that is read, and each is given once under a name of its own."""
    seen: set[Path] = set()
    for file in files:
        if not file.exists():
            raise SourceError(str(file), "no such file", scorer.reads)
        if file.is_dir():
            raise SourceError(str(file), "a folder", "a file")
        if file.suffix.lower() in _NO_ROWS:
            found = f"unsupported type {file.suffix.lower()}"
            raise SourceError(str(file), found, "JSON, JSONL, CSV, TSV or parquet")
        if file.resolve() in seen:
            raise SourceError(str(file), "given twice", "each file once")
        seen.add(file.resolve())
    names: dict[str, Path] = {}
    for file in files if scorer.name in _NAMED_BY_FILE else ():
        other = names.setdefault(strip_suffixes(file), file)
        if other is not file and not (_says_model(file) and _says_model(other)):
            raise SourceError(
                str(file), f"the name of {other}, so its rows would be the same model's",
                "names that differ, as models are named by them", "rename it, or add a `model`",
            )  # fmt: skip


def _says_model(file: Path) -> bool:
    """Whether a file's first row says its model; an artifact, or samples in a model's folder, do.

    A file that cannot be read is left to the scorer, which says why.
    """
    try:
        _, row = next(read_table(file), ("", {"model": ""}))
    except SourceError:
        return True
    return not {"model", "generator", "resps"}.isdisjoint(row)


def _split_arguments(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Files and options: an argument with `=` is an option unless a file has that name."""
    files: list[str] = []
    options: list[str] = []
    for argument in arguments:
        is_option = "=" in argument and not Path(argument).exists()
        (options if is_option else files).append(argument)
    return [Path(file).expanduser() for file in files], options


def render_json(scorer: Scorer, report: ScoreReport) -> str:
    """One JSON object: metric, scores (entries of report.json), details, notes."""
    content = {
        "metric": scorer.name,
        "scores": [score.to_entry() for score in report.scores],
        "details": report.details,
        "notes": report.notes,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def render_report(report: ScoreReport) -> str:
    """A table of the scores, then the notes."""
    apart = [
        name
        for name in _APART
        if len({str(score.extra[name]) for score in report.scores if name in score.extra}) > 1
    ]
    header = ["model", "benchmark", *apart, "metric", "value", "95 % interval", "n", "unscored"]
    table = format_table(header, [_show(score, apart) for score in report.scores])
    return "\n".join([table, *(f"note: {note}" for note in merge_notes(report.notes))])


def merge_notes(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of several files or models, as one with all their names."""
    names: dict[str, list[str]] = {}
    for note in notes:
        name, colon, text = note.partition(": ")
        known = names.setdefault(text if colon else note, [])
        if colon and name not in known:
            known.append(name)
    return [f"{', '.join(known)}: {text}" if known else text for text, known in names.items()]


def _show(score: Score, apart: Sequence[str]) -> list[str]:
    if score.ci_low is None or score.ci_high is None:
        interval = "-"
    else:
        interval = f"[{_format(score.ci_low)}, {_format(score.ci_high)}]"
    counts = f"{score.k}/{score.n}" if score.k is not None else str(score.n)
    extra = ("-" if score.extra.get(name) is None else str(score.extra[name]) for name in apart)
    place = [score.model, score.benchmark, *extra, score.measure.name]
    percent = " %" if "percent" in score.measure.title.lower() else ""
    return [*place, _format(score.value) + percent, interval, counts, str(score.unscored)]


def _format(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else str(value)
