"""Sampling as a row task: one prompt in, one row with its N responses out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from alignray.config.inference import EngineConfig, SamplingParams
from alignray.inference.engine import Request, Result, get_model_label, serialize_sampling
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_row_key, compute_salt, compute_seed
from alignray.records import Completion, Message, Prompt, RowStatus


class SampleTask:
    """N responses to a prompt in one request; see `alignray.inference.row_task.RowTask`."""

    output_schema: pa.Schema = Completion.ARROW_SCHEMA

    def __init__(
        self,
        engine: EngineConfig,
        sampling: SamplingParams,
        *,
        system_prompt: str | None = None,
        adapter: str | None = None,
    ) -> None:
        self._sampling = sampling
        self._system_prompt = system_prompt
        self._adapter = adapter
        self._model = get_model_label(engine, adapter)
        self._serialized = serialize_sampling(sampling)
        self.salt = compute_salt(
            {
                "stage": "sample",
                "engine": describe_engine(engine, adapter),
                "sampling": sampling.model_dump(mode="json"),
                "system_prompt": system_prompt,
            }
        )

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Model, parameters and seed (the salt), prompt id and conversation."""
        return compute_row_key(self.salt, row["prompt_id"], row["messages"])

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request for all N responses: the prompt is read once, and none is lost alone."""
        return [
            Request(
                request_id=self.compute_key(row),
                messages=self._build_messages(row["messages"]),
                sampling=self._sampling,
                seed=compute_seed(self._sampling.seed, row["prompt_id"]),
                adapter=self._adapter,
            )
        ]

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The prompt's columns and its responses."""
        [result] = results
        outputs = result.outputs
        return self._build(row) | {
            "generations": [output.text for output in outputs],
            "generation_models": [self._model] * len(outputs),
            "finish_reasons": [output.finish_reason for output in outputs],
            "completion_tokens": [output.num_tokens for output in outputs],
            "prompt_tokens": result.prompt_tokens,
            "logps": [output.logp for output in outputs],
            "status": RowStatus.OK.value,
        }

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The prompt's columns, no responses, the reason."""
        return self._build(row) | {"status": status.value, "reason": reason}

    def _build(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in Prompt.ARROW_SCHEMA.names} | {
            "generations": [],
            "generation_models": [],
            "finish_reasons": [],
            "completion_tokens": [],
            "prompt_tokens": 0,
            "logps": [],
            "sampling": self._serialized,
            "status": RowStatus.OK.value,
            "reason": None,
            "key": self.compute_key(row),
        }

    def _build_messages(self, messages: Sequence[Message]) -> list[Message]:
        if self._system_prompt is None or messages[0]["role"] == "system":
            return list(messages)
        return [{"role": "system", "content": self._system_prompt}, *messages]
