"""How each benchmark is answered: one decoding for all models, and the labels to choose from; pure.

A benchmark's own decoding (one token for MMLU, 512 for GSM8K) goes over the evaluation's, and what
the configuration says for that benchmark over both. Nothing here depends on the model.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from alignray.config.evaluation import BenchmarkConfig
from alignray.config.inference import SamplingParams


@dataclass(frozen=True)
class AnswerForm:
    """How a prompt is answered.

    Example: `AnswerForm(SamplingParams(temperature=0, max_tokens=1), ("A", "B", "C", "D"))`.
    """

    sampling: SamplingParams
    labels: tuple[str, ...] = ()
    """Where there are labels, the answer is the likeliest of them as the first token."""


class FormTable:
    """The form of every prompt by its position over all benchmarks.

    Example: `FormTable([(0, harmful), (200, mmlu)])`: 200 prompts of one benchmark, then another's.
    """

    def __init__(self, forms: Sequence[tuple[int, AnswerForm]]) -> None:
        self._starts = [start for start, _ in forms]
        self._forms = [form for _, form in forms]

    def find(self, position: int) -> AnswerForm:
        """The form of the prompt at a position."""
        return self._forms[bisect_right(self._starts, position) - 1]

    def list_forms(self) -> list[AnswerForm]:
        """Every form once."""
        return list(dict.fromkeys(self._forms))


def build_form(benchmark: BenchmarkConfig, sampling: SamplingParams) -> AnswerForm:
    """The form of a benchmark.

    Args:
        benchmark: a row of the table, or prompts alone.
        sampling: the evaluation's own, for what the benchmark leaves open.
    """
    spec = benchmark.spec
    own = spec.decoding.model_dump(exclude_none=True) if spec is not None else {}
    given = benchmark.decoding.model_dump(exclude_none=True)
    drawn = SamplingParams(**(sampling.model_dump() | own | given))
    is_choice = benchmark.kind == "choice" and spec is not None and spec.gold is not None
    return AnswerForm(drawn, spec.gold.labels if is_choice and spec and spec.gold else ())
