"""What an evaluation's engines did, over all its runs: rows, requests, tokens, seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignray.durable import read_json, write_json
from alignray.inference.on_ray import RowStageResult

COST = "cost.json"


class CostBook:
    """A line per engine, kept in the stage's directory: a run that goes on adds to it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / COST
        self._lines: dict[str, dict[str, Any]] = {}
        if self._path.is_file():
            lines: list[dict[str, Any]] = read_json(self._path)["engines"]
            self._lines = {line["engine"]: line for line in lines}

    @contextmanager
    def measure(self, engine: str, models: Sequence[str]) -> Iterator[list[RowStageResult]]:
        """Notes the result that is put into the list, and how long it took.

        Rows and tokens are those of the whole stage; requests and seconds are added up over its
        runs. A run that asked nothing changes nothing.
        """
        started, results = time.monotonic(), list[RowStageResult]()
        yield results
        seconds = time.monotonic() - started
        for result in results:
            self._add(engine, models, result, seconds)

    def list_lines(self) -> list[dict[str, Any]]:
        """Engine, models, starts, rows, requests, tokens, seconds; in order of their first work."""
        return list(self._lines.values())

    def _add(
        self, engine: str, models: Sequence[str], result: RowStageResult, seconds: float
    ) -> None:
        known = self._lines.get(engine)
        if known is not None and not result.requests:
            return
        before = known or {"starts": 0, "requests": 0, "seconds": 0.0}
        self._lines[engine] = {
            "engine": engine,
            "models": list(models),
            "starts": before["starts"] + (result.requests > 0) + result.restarts,
            "rows": result.counts.rows_in,
            "requests": before["requests"] + result.requests,
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
            "seconds": round(before["seconds"] + seconds, 1),
        }
        write_json(self._path, {"engines": self.list_lines()})
