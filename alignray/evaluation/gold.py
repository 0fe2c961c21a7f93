"""Benchmarks with right answers: what compares an answer with the gold."""

from __future__ import annotations

from alignray.config.evaluation import BenchmarkConfig
from alignray.evaluation.row_building import EvalSet


def build_eval_set(name: str, config: BenchmarkConfig) -> EvalSet:
    """A benchmark as its rows need it."""
    return EvalSet(name, config.kind)
