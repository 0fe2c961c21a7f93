"""What the judges that answer with numbers share: each distinct answer is asked about once.

Models often give the same answer, a refusal above all. Asked once, equal answers have equal
numbers (in batches they may differ in the seventh digit), and cost once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import AnyEngineConfig
from alignray.evaluation.judges.judgement import (
    JUDGEMENT_SCHEMA,
    Judgement,
    build_empty_judgement_row,
    build_judgement_row,
    compute_judgement_key,
)
from alignray.inference.engine import Output, Request, Result
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import compute_salt
from alignray.ranking.judging import check_judgeable
from alignray.records import RowStatus

_NO_TEXT = SamplingParams(temperature=0, max_tokens=1)
"""These engines draw nothing; a request has sampling parameters all the same."""


class PerNumberTask(ABC):
    """Numbers for every answer to one prompt; see `alignray.inference.row_task.RowTask`.

    Example: answers `["No.", "Sure.", "No."]` are two requests and three judgements.
    """

    output_schema: pa.Schema = JUDGEMENT_SCHEMA
    kind: str
    """Type of the judge in the configuration."""

    def __init__(self, name: str, engine: AnyEngineConfig) -> None:
        """Raises ModelError where the judge is missing."""
        self._name = name
        self.salt = compute_salt(
            {"stage": "judge", "kind": self.kind, "name": name, "judge": describe_engine(engine)}
        )

    @abstractmethod
    def read(self, output: Output) -> Judgement:
        """What the engine's output says of an answer."""

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Judge (the salt), prompt id, conversation, answers and their models."""
        return compute_judgement_key(self.salt, row)

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request per distinct answer: the conversation with the answer as its last turn.

        Raises:
            RequestRejected: the row has no answers.
        """
        check_judgeable(row, at_least=1)
        key = self.compute_key(row)
        return [
            Request(
                f"{key}-{number}",
                [*row["messages"], {"role": "assistant", "content": answer}],
                _NO_TEXT,
                seed=0,
            )
            for number, answer in enumerate(_list_distinct(row))
        ]

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """One judgement per answer; a request without an answer is a reason, never a number."""
        found = dict(zip(_list_distinct(row), map(self._read_result, results), strict=True))
        judgements = [found[answer] for answer in row["generations"]]
        built = build_judgement_row(row, self._name, self.compute_key(row), judgements)
        return built | {"prompt_tokens": sum(result.prompt_tokens for result in results)}

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row with its reason for every answer."""
        return build_empty_judgement_row(row, self._name, self.compute_key(row), status, reason)

    def _read_result(self, result: Result) -> Judgement:
        if result.rejected or not result.outputs:
            return Judgement(reason=result.rejected or "no output")
        return self.read(result.outputs[0])


def _list_distinct(row: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["generations"]))
