"""Documents with their likelihood: token log-probabilities, or sums with token counts.

Read are rows with a list of log-probabilities (natural logarithm) or with a sum and a number of
tokens, under their usual names, and completions of OpenAI-compatible servers with `logprobs`
(`token_logprobs` of /v1/completions, `content[].logprob` of chat). A first token without a
log-probability (null) has nothing before it and is no token of the sum; any other that is missing,
NaN, infinite or above 0 makes the document unscored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, read_number, strip_suffixes
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.scoring.perplexity import Document

_LISTS = ("token_logprobs", "logprobs", "token_log_probs", "logps", "log_probs")
_NLLS = ("nll_sum", "sum_nll", "nll", "total_nll", "neg_log_likelihood", "loss_sum")
_LIKELIHOODS = ("logprob_sum", "sum_logprob", "log_likelihood", "loglikelihood", "logp", "logprob")
_TOKENS = ("tokens", "num_tokens", "n_tokens", "token_count", "ntokens", "length")
_ROUNDING = 1e-3
"""Nats by which a log-probability may exceed 0."""


@dataclass(frozen=True)
class DocumentRow:
    """One document; `document` is None where it has no usable likelihood.

    Example: `DocumentRow("docs.jsonl:1", "sft", Document(12.5, 5))`.
    """

    where: str
    model: str
    document: Document | None


def read_documents(path: Path) -> list[DocumentRow]:
    """The documents of a file.

    Raises:
        SourceError: neither log-probabilities nor sums with counts; the row is named.
    """
    documents = []
    for where, row in read_table(path):
        model = str(row.get("model") or strip_suffixes(path))
        documents.append(DocumentRow(where, model, _read_document(where, row)))
    if not documents:
        raise SourceError(str(path), "no rows", "at least one document")
    return documents


def _read_document(where: str, row: Mapping[str, Any]) -> Document | None:
    choices = row.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        row = choices[0]
    column = find_column(row, _LISTS)
    if column is not None:
        return _sum_tokens(where, column, row[column])
    count = find_column(row, _TOKENS)
    total = find_column(row, (*_NLLS, *_LIKELIHOODS))
    if count is None or total is None:
        raise SourceError(
            where,
            f"no likelihood among {', '.join(map(str, row)) or 'no columns'}",
            "token_logprobs, or nll_sum and tokens",
        )
    if isinstance(row[count], list):
        raise SourceError(where, f"`{count}` is a list", "a number of tokens")
    sign = 1 if find_column(row, _NLLS) == total else -1
    return _check(
        where, count, read_number(where, row, total), read_number(where, row, count), sign
    )


def _check(
    where: str, column: str, total: float | None, tokens: float | None, sign: int
) -> Document | None:
    if total is None or tokens is None:
        return None
    if tokens != int(tokens) or tokens < 0:
        raise SourceError(where, f"`{column}` is {tokens:g}", "a whole number of tokens")
    nll = sign * total
    if nll < -_ROUNDING * max(1.0, tokens) or tokens == 0:
        return None  # a likelihood above 1, or of nothing
    return Document(max(0.0, nll), int(tokens))


def _sum_tokens(where: str, column: str, cell: Any) -> Document | None:
    logprobs = _find_list(cell)
    if logprobs is None:
        if cell is None:
            return None
        raise SourceError(where, f"`{column}` is {type(cell).__name__}", "a list of numbers")
    if logprobs and logprobs[0] is None:
        logprobs = logprobs[1:]
    for value in logprobs:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise SourceError(where, f"`{column}` holds {type(value).__name__}", "numbers")
    if any(value is None or not math.isfinite(value) or value > _ROUNDING for value in logprobs):
        return None
    return Document(-math.fsum(min(0.0, value) for value in logprobs), len(logprobs))


def _find_list(cell: Any) -> Sequence[Any] | None:
    """The log-probabilities of a list, or of a server's `logprobs` object."""
    if isinstance(cell, dict):
        for name in ("token_logprobs", "content"):
            if isinstance(cell.get(name), list):
                return _find_list(cell[name])
        return None
    if not isinstance(cell, list):
        return None
    return [value.get("logprob") if isinstance(value, dict) else value for value in cell]
