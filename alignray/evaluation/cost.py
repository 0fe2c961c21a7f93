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
            done = Totals(requests=result.requests, starts=result.starts, seconds=seconds)
            self._add(engine, models, done)
            self._lines[engine] |= totals
        self._write()

    def add_follower(self, engine: str, totals: Totals | None) -> None:
        """Notes what an engine did on the heels of another, while that one was at work.

        Its seconds, from its first rows to its last, are within those of the other.
        """
        if totals is not None:
            self._add(engine, [], totals)
            self._lines[engine]["overlapped"] = True
            self._write()

    def list_lines(self) -> list[dict[str, Any]]:
        """Engine, models, starts, rows, requests, tokens, seconds; in order of their first work."""
        return list(self._lines.values())

    def _add(self, engine: str, models: Sequence[str], done: Totals) -> None:
        """Adds starts, requests and the seconds that they took."""
        new = {"engine": engine, "models": list(models), "starts": 0, "requests": 0, "seconds": 0.0}
        line = self._lines.setdefault(engine, new)
        line["starts"] += done.starts
        if done.requests:
            line["requests"] += done.requests
            line["seconds"] = round(line["seconds"] + done.seconds, 1)

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
