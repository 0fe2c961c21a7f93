"""What a stage does with a row: pure, without Ray, engines or files.

A stage such as sampling or ranking is one class with this shape. The actor stage calls it for
each row: `build_requests`, then the engine, then `build_row`. A task is pickled to the actors, so
it is a top-level class with plain attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from alignray.inference.engine import Request, RequestRejected, Result
from alignray.records import SCHEMA_VERSION, RowStatus


class RowTask(Protocol):
    """One stage's work on one row."""

    salt: str
    """Hash of what is the same for all rows (`compute_salt`); a ledger holds rows of one salt."""
    output_schema: pa.Schema
    """Schema of the rows it makes; has `row`, `prompt_id`, `status`, `reason`, `key`,
    `prompt_tokens` (int) and `completion_tokens` (int or list of int)."""

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Ledger key of the row: everything that decides its result, and nothing else."""

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """The requests of a row; they go to one engine, and may run at once.

        Raises:
            RequestRejected: the row cannot be worked on; it ends as unscored.
        """

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The finished row from its results, in the order of the requests."""

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row that ends without results, as unscored or failed, with its reason."""


def raise_rejected(results: Sequence[Result]) -> None:
    """Ends the row as unscored where any of its results is missing.

    Raises:
        RequestRejected: one of the requests could not be answered.
    """
    for result in results:
        if result.rejected:
            raise RequestRejected(result.rejected)


def compute_salt(identity: Mapping[str, Any]) -> str:
    """Hash of what is the same for all rows of a stage: model, parameters, template, rubric."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def compute_row_key(salt: str, *content: Any) -> str:
    """Key of one row: 128 bits over the salt and the row's own content (JSON-ready values)."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(f"{salt}\n{text}".encode(), digest_size=16).hexdigest()


def compute_seed(seed: int, *content: Any) -> int:
    """A 31-bit seed of its own for each row: independent of order, partitions and engines."""
    text = json.dumps([seed, *content])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
