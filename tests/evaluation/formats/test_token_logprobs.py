from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.token_logprobs import read_documents
from alignray.evaluation.scoring.perplexity import Document


def read(folder: Path, *rows: object) -> list[Document | None]:
    path = folder / "docs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return [row.document for row in read_documents(path)]


@pytest.mark.parametrize(
    "row",
    [
        {"token_logprobs": [-1.0, -2.0]},
        {"token_logprobs": [None, -1.0, -2.0]},
        {"logprobs": {"token_logprobs": [None, -1.0, -2.0]}},
        {"choices": [{"logprobs": {"content": [{"logprob": -1.0}, {"logprob": -2.0}]}}]},
        {"nll_sum": 3.0, "tokens": 2},
        {"loglikelihood": -3, "num_tokens": 2},
        {"Sum-NLL": "3", "n_tokens": "2"},
    ],
)
def test_forms(tmp_path: Path, row: object) -> None:
    assert read(tmp_path, row) == [Document(3.0, 2)]


@pytest.mark.parametrize(
    "row",
    [
        {"token_logprobs": None},
        {"token_logprobs": [-1.0, None]},
        {"token_logprobs": [-1.0, 0.5]},
        {"token_logprobs": [-1.0, float("nan")]},
        {"token_logprobs": [-1.0, float("-inf")]},
        {"nll_sum": None, "tokens": 2},
        {"nll_sum": -3.0, "tokens": 2},
        {"nll_sum": 3.0, "tokens": 0},
        {"nll_sum": float("inf"), "tokens": 2},
    ],
)
def test_what_is_no_likelihood_is_unscored(tmp_path: Path, row: object) -> None:
    assert read(tmp_path, row) == [None]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"text": "x"}, "no likelihood among text"),
        ({"nll_sum": 3.0}, "no likelihood"),
        ({"nll_sum": 3.0, "tokens": 2.5}, "`tokens` is 2.5"),
        ({"nll_sum": 3.0, "tokens": ["a"]}, "`tokens` is a list"),
        ({"nll_sum": "low", "tokens": 2}, "`nll_sum` is text"),
        ({"token_logprobs": "x"}, "`token_logprobs` is str"),
        ({"token_logprobs": ["-1"]}, "holds str"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, row: object, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read(tmp_path, row)
