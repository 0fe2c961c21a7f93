"""Benchmarks with right answers: what compares an answer with the gold."""

from __future__ import annotations

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.config.evaluation import BenchmarkConfig
from alignray.errors import ConfigError
from alignray.evaluation.benchmarks.grading import grade_answer
from alignray.evaluation.row_building import EvalSet
from alignray.evaluation.rows import GOLD_KINDS
from alignray.records import Prompt


def build_eval_set(name: str, config: BenchmarkConfig) -> EvalSet:
    """A benchmark as its rows need it.

    Raises:
        ConfigError: answers are to be compared with a gold, and nothing says where it is.
    """
    if config.kind not in GOLD_KINDS:
        return EvalSet(name, config.kind)
    spec = config.spec
    if spec is None or spec.gold is None:
        raise ConfigError(
            f"benchmarks.{name}",
            f"kind {config.kind} without a right answer",
            "a benchmark's YAML file with `gold.column`",
            "see alignray benchmarks gsm8k, and name yours: benchmarks.NAME.name=FILE.yaml",
        )
    return EvalSet(name, config.kind, _Grader(spec))


class _Grader:
    """Compares answers with the gold in the row that their prompt was made from."""

    def __init__(self, spec: BenchmarkSpec) -> None:
        self._spec = spec

    def __call__(self, prompt: Prompt, text: str) -> bool | None:
        graded = grade_answer(self._spec, prompt.original, text)
        return None if graded is None else graded.correct
