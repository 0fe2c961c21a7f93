"""Rows of answers by several models, and judges that answer by rule, for the tests of judges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from alignray.evaluation.judges.judgement import JUDGEMENT_SCHEMA
from alignray.inference.engine import Output, Request, Result
from tests.ranking.completions import build_completion

MODELS = ("base", "sft", "dpo")


def build_answers(row: int = 0, models: Sequence[str] = MODELS, **changes: Any) -> dict[str, Any]:
    """A row of `Completion` with one answer per model."""
    return build_completion(row, **({"generation_models": list(models)} | changes))


def write(text: str, finish: Any = "length") -> Result:
    """A result with a text and no log-probabilities."""
    return Result([Output(text, finish, 1)], prompt_tokens=10)


def weigh(**shares: float) -> Result:
    """A result with a probability for each label, e.g. `weigh(A=0.9, B=0.1)`."""
    logps = {label: math.log(p) if p else -math.inf for label, p in shares.items()}
    return Result([Output(max(shares, key=lambda n: shares[n]), "length", 1, None, logps)], 10)


def check_schema(finished: dict[str, Any]) -> dict[str, Any]:
    """The row after a trip through Arrow; it must have the schema's columns and no others."""
    assert set(finished) == set(JUDGEMENT_SCHEMA.names)
    row: dict[str, Any] = pa.Table.from_pylist([finished], JUDGEMENT_SCHEMA).to_pylist()[0]
    return row


def text_of(request: Request) -> str:
    """What the judge reads."""
    return request.messages[0]["content"]


def shown(request: Request) -> tuple[str, str]:
    """The answers of a comparison as the judge reads them: A, then B."""
    found = re.findall(r"<<answer [AB] (\w+)>>\n(.*?)\n<<end \1>>", text_of(request), re.DOTALL)
    (_, first), (_, second) = found
    return first, second


def prefer(like: Callable[[str], float]) -> Callable[[Request], Result]:
    """A judge that reads: it prefers the answer with the higher number, wherever it stands."""

    def judge(request: Request) -> Result:
        first, second = (like(text) for text in shown(request))
        chance = 1 / (1 + math.exp(second - first))
        return weigh(A=chance, B=1 - chance)

    return judge


def prefer_first(request: Request) -> Result:
    """A judge that always prefers what it reads first."""
    return weigh(A=0.9, B=0.1)
