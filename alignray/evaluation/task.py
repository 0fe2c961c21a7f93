"""Answers of several models to one prompt as one row: a request per model, all in one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from alignray.config.inference import SamplingParams
from alignray.evaluation.engines import EngineGroup
from alignray.inference.engine import Request, Result
from alignray.inference.row_task import compute_row_key, compute_salt, raise_rejected
from alignray.records import Completion, RowStatus
from alignray.sampling.task import SampleTask


class AnswerTask:
    """One response per model to a prompt; see `alignray.inference.row_task.RowTask`.

    `generation_models` holds the names of the models in the configuration, in its order. The seed
    of a prompt is the same for all: models differ by their weights and not by their dice.
    """

    output_schema: pa.Schema = Completion.ARROW_SCHEMA

    def __init__(
        self, group: EngineGroup, sampling: SamplingParams, system_prompt: str | None = None
    ) -> None:
        self._tasks = {
            name: SampleTask(group.engine, sampling, system_prompt=system_prompt, adapter=adapter)
            for name, adapter in group.models.items()
        }
        self._first = next(iter(self._tasks.values()))
        salts = {name: task.salt for name, task in self._tasks.items()}
        self.salt = compute_salt({"stage": "eval", "models": list(salts.items())})

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """All models and parameters (the salt), prompt id and conversation."""
        return compute_row_key(self.salt, row["prompt_id"], row["messages"])

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request per model."""
        requests = []
        for name, task in self._tasks.items():
            for request in task.build_requests(row):
                requests.append(replace(request, request_id=f"{request.request_id}-{name}"))
        return requests

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The prompt's columns and one response per model."""
        raise_rejected(results)
        rows = [
            task.build_row(row, [result])
            for task, result in zip(self._tasks.values(), results, strict=True)
        ]
        return merge_rows(rows) | {
            "generation_models": list(self._tasks),
            "key": self.compute_key(row),
        }

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The prompt's columns, no responses, the reason."""
        empty = self._first.build_empty_row(row, status, reason)
        return empty | {"key": self.compute_key(row)}


_PER_RESPONSE = (
    "generations",
    "generation_models",
    "finish_reasons",
    "completion_tokens",
    "logps",
)


def merge_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Completion rows of one prompt by different models -> one row with the responses of all.

    A row without responses adds none; the result is ok if any row is, else as the first one. Its
    reason is the first that a row has, also where the others are ok.
    """
    ok = [row for row in rows if row["status"] == RowStatus.OK]
    merged = dict((ok or rows)[0])
    for name in _PER_RESPONSE:
        merged[name] = [item for row in rows for item in row[name]]
    merged["prompt_tokens"] = sum(row["prompt_tokens"] for row in rows)
    merged["reason"] = next((row["reason"] for row in rows if row["reason"]), None)
    return merged
