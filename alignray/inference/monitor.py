"""One small actor per stage run: what is done so far, and which rows an actor died with."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import ray

from alignray.errors import AlignrayError


@dataclass(frozen=True)
class Totals:
    """Sums over all actors of one run of a stage."""

    rows: int = 0
    unscored: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    restarts: int = 0
    starts: int = 0
    """Engines that were started, or tried to."""
    chunks: int = 0
    """Chunks that were begun; the first shows that an engine has got its place."""
    seconds: float = 0.0
    """From the first chunk's begin to the last commit; set by the monitor."""
    last_failure: str = ""

    def __add__(self, other: Totals) -> Totals:
        """The sum; the later failure text wins."""
        return Totals(
            *(
                getattr(self, name) + getattr(other, name)
                for name in list(self.__dataclass_fields__)[:-1]
            ),
            last_failure=other.last_failure or self.last_failure,
        )


@ray.remote
class StageMonitor:
    """Lives as long as one run of a stage; restarts of actors are seen here."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._error: AlignrayError | None = None
        self._attempts: dict[int, int] = {}
        self._open: dict[int, dict[int, int]] = {}
        self._began: float | None = None
        self._seconds = 0.0

    def begin(self, chunk: int) -> tuple[int, dict[int, int]]:
        """Notes that an actor starts on a chunk.

        Returns:
            The number of the attempt, from 1, and for each row that was being tried alone when
            an earlier actor died, how often that happened.
        """
        if self._began is None:
            self._began = time.monotonic()
        self._totals += Totals(chunks=1)
        self._attempts[chunk] = self._attempts.get(chunk, 0) + 1
        return self._attempts[chunk], dict(self._open.get(chunk, {}))

    def open_row(self, chunk: int, row: int) -> None:
        """Notes that a row is tried alone."""
        rows = self._open.setdefault(chunk, {})
        rows[row] = rows.get(row, 0) + 1

    def close_row(self, chunk: int, row: int) -> None:
        """Notes that a row that was tried alone did no harm."""
        self._open.get(chunk, {}).pop(row, None)

    def fail(self, error: AlignrayError) -> None:
        """Keeps the error that ends the stage: Ray's own wrapping loses its class and cause."""
        self._error = self._error or error

    def get_error(self) -> AlignrayError | None:
        """The first error that ends the stage."""
        return self._error

    def report(self, totals: Totals) -> None:
        """Adds committed work."""
        self._totals += totals
        if totals.rows and self._began is not None:
            self._seconds = time.monotonic() - self._began

    def get_totals(self) -> Totals:
        """What is committed so far."""
        return replace(self._totals, seconds=self._seconds)
