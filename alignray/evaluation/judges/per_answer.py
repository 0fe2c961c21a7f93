"""What the judges of single answers share: one request per answer, for one label.

All requests of a row begin with the same rubric and prompt, so an engine with prefix caching reads
these once. Answers are judged each by itself, so their order cannot matter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from alignray.config.inference import EngineConfig
from alignray.evaluation.judges.judgement import (
    JUDGEMENT_SCHEMA,
    Judgement,
    build_empty_judgement_row,
    build_judgement_row,
    compute_judgement_key,
)
from alignray.evaluation.judges.labels import build_label_request, count_tokens, hash_form
from alignray.inference.engine import Request, Result
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_salt
from alignray.prompts import load_rubric
from alignray.ranking.judging import check_judgeable, choose_nonce
from alignray.records import Message, RowStatus


class PerAnswerTask(ABC):
    """A label for every answer to one prompt; see `alignray.inference.row_task.RowTask`.

    A judge says how its message is put together, which labels there are and what they mean.
    """

    output_schema: pa.Schema = JUDGEMENT_SCHEMA
    kind: str
    """Type of the judge in the configuration."""
    labels: tuple[str, ...]
    """What the judge may write, each a single token with almost any tokenizer."""

    def __init__(
        self,
        name: str,
        engine: EngineConfig,
        rubric: str,
        verdict: Literal["logprobs", "choice"],
        seed: int,
    ) -> None:
        """Raises SourceError or ModelError where rubric or judge are missing."""
        self._name = name
        self._rubric = load_rubric(rubric)
        self._verdict = verdict
        self._seed = seed
        form = self.build_message("R", [{"role": "user", "content": "P"}], "A", "0000")
        self.salt = compute_salt(
            {
                "stage": "judge",
                "kind": self.kind,
                "name": name,
                "judge": describe_engine(engine),
                "rubrics": [self._rubric.digest],
                "form": hash_form(form),
                "verdict": verdict,
                "seed": seed,
            }
        )

    @abstractmethod
    def build_message(
        self, rubric: str, conversation: Sequence[Message], response: str, nonce: str
    ) -> str:
        """The user message about one answer: rubric, prompt, answer, closing line."""

    @abstractmethod
    def read(self, result: Result) -> Judgement:
        """What the judge said of one answer."""

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Judge, rubric and form (the salt), prompt id, conversation, answers and their models."""
        return compute_judgement_key(self.salt, row)

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request per answer.

        Raises:
            RequestRejected: the row has no answers.
        """
        check_judgeable(row, at_least=1)
        nonce, key = choose_nonce(row, self._seed), self.compute_key(row)
        return [
            build_label_request(
                f"{key}-{index}",
                self.build_message(self._rubric.text, row["messages"], response, nonce),
                self.labels,
                self._verdict,
                self._seed,
            )
            for index, response in enumerate(row["generations"])
        ]

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """One judgement per answer."""
        judgements = [self.read(result) for result in results]
        built = build_judgement_row(row, self._name, self.compute_key(row), judgements)
        return built | count_tokens(results)

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row with its reason for every answer."""
        return build_empty_judgement_row(row, self._name, self.compute_key(row), status, reason)
