"""Answers of several models to one prompt as one row: a request per model, all in one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from alignray.evaluation.answer_form import FormTable
from alignray.evaluation.engines import EngineGroup
from alignray.inference.engine import Request, Result, serialize_sampling
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_row_key, compute_salt, raise_rejected
from alignray.records import Completion, RowStatus
from alignray.sampling.task import SampleTask


class AnswerTask:
    """One response per model to a prompt; see `alignray.inference.row_task.RowTask`.

    `generation_models` holds the names of the models in the configuration, in its order. The seed
    and the form of a prompt are the same for all: models differ by their weights and not by their
    dice.
    """

    output_schema: pa.Schema = Completion.ARROW_SCHEMA

    def __init__(
        self, group: EngineGroup, forms: FormTable, system_prompt: str | None = None
    ) -> None:
        self._forms = forms
        self._tasks = {
            form: {
                name: SampleTask(
                    group.engine, form.sampling, system_prompt=system_prompt, adapter=adapter
                )
                for name, adapter in group.models.items()
            }
            for form in forms.list_forms()
        }
        engines = {n: describe_engine(group.engine, adapter) for n, adapter in group.models.items()}
        self.salt = compute_salt(
            {"stage": "eval", "models": list(engines.items()), "system_prompt": system_prompt}
        )

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """All models (the salt), the prompt's form, prompt id and conversation."""
        form = self._forms.find(row["row"])
        drawn = [serialize_sampling(form.sampling), form.labels]
        return compute_row_key(self.salt, drawn, row["prompt_id"], row["messages"])

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request per model."""
        form = self._forms.find(row["row"])
        requests = []
        for name, task in self._tasks[form].items():
            for request in task.build_requests(row):
                named = f"{request.request_id}-{name}"
                requests.append(replace(request, request_id=named, label_tokens=form.labels))
        return requests

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The prompt's columns and one response per model."""
        raise_rejected(results)
        form = self._forms.find(row["row"])
        tasks = self._tasks[form]
        rows = [
            task.build_row(row, [choose_labels(result, form.labels)])
            for task, result in zip(tasks.values(), results, strict=True)
        ]
        return merge_rows(rows) | {
            "generation_models": list(tasks),
            "key": self.compute_key(row),
        }

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The prompt's columns, no responses, the reason."""
        first = next(iter(self._tasks[self._forms.find(row["row"])].values()))
        empty = first.build_empty_row(row, status, reason)
        return empty | {"key": self.compute_key(row)}


def choose_labels(result: Result, labels: Sequence[str]) -> Result:
    """The result with the likeliest label as its text, where the engine gave all labels a chance.

    An engine that restricts itself to the labels wrote just that; one that cannot (an endpoint)
    gave log-probabilities, and is read by the same rule.
    """
    if not labels:
        return result
    outputs = [
        replace(output, text=max(labels, key=lambda label: output.label_logps[label]))
        if set(labels) <= output.label_logps.keys()
        else output
        for output in result.outputs
    ]
    return replace(result, outputs=outputs)


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
