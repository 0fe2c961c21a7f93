"""Benchmarks: one YAML file each in this folder, and what reads prompts and golds by them."""

from alignray.evaluation.benchmarks.loading import (
    Benchmark,
    load_benchmark,
    load_benchmark_prompts,
)

__all__ = ["Benchmark", "load_benchmark", "load_benchmark_prompts"]
