"""What an evaluation's engines did, over all its runs: rows, requests, tokens, seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignray.durable import read_json, write_json
from alignray.inference.monitor import Totals
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
        runs. A run that asked nothing takes no time.
        """
        started, results = time.monotonic(), list[RowStageResult]()
        yield results
        seconds = time.monotonic() - started
        for result in results:
            totals = {
                "rows": result.counts.rows_in,
                "prompt_tokens": result.prompt_tokens,
                "completion_tokens": result.completion_tokens,
            }
            self._add(engine, models, (result.requests, result.restarts), seconds)
            self._lines[engine] |= totals
        self._write()

    def add_follower(self, engine: str, totals: Totals | None) -> None:
        """Notes what an engine did on the heels of another: its time is in that one's."""
        if totals is not None:
            self._add(engine, [], (totals.requests, totals.restarts), 0.0)
            self._lines[engine]["overlapped"] = True
            self._write()

    def list_lines(self) -> list[dict[str, Any]]:
        """Engine, models, starts, rows, requests, tokens, seconds; in order of their first work."""
        return list(self._lines.values())

    def _add(
        self, engine: str, models: Sequence[str], asked: tuple[int, int], seconds: float
    ) -> None:
        """Adds (requests, restarts) and the seconds that they took."""
        requests, restarts = asked
        new = {"engine": engine, "models": list(models), "starts": 0, "requests": 0, "seconds": 0.0}
        line = self._lines.setdefault(engine, new)
        if requests:
            line["starts"] += 1 + restarts
            line["requests"] += requests
            line["seconds"] = round(line["seconds"] + seconds, 1)

    def _write(self) -> None:
        write_json(self._path, {"engines": self.list_lines()})


def describe_engines(lines: Sequence[Mapping[str, Any]]) -> str:
    """E.g. `1 engine started for 5 models, 1 for verdicts`."""
    answering = [line for line in lines if line["models"]]
    starts = sum(line["starts"] for line in answering)
    models = sum(len(line["models"]) for line in answering)
    judging = sum(line["starts"] for line in lines if not line["models"])
    word = "engine" if starts == 1 else "engines"
    return f"{starts} {word} started for {models} models, {judging} for verdicts"
