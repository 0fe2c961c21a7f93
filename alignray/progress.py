"""Progress of one stage on stderr: a bar on a terminal, plain lines elsewhere.

    sample    62% [#######-----] 312/500 rows  ETA 0:41  1,204 tokens/s  0 unscored  1 failed
    sft       62% [#######-----] 312/500 rows  ETA 0:41  9,412 tokens/s  loss 1.204

Lines come at most every 10 seconds, or at every 5 % where that is rarer, and once at the end, so
that the log of a job stays short. Standard library alone.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO

_BAR_SECONDS = 0.2
_LINE_SECONDS = 10.0
_LINE_SHARE = 0.05
_LEAST_SECONDS = 0.05
_WINDOW_SECONDS = 30.0
_BAR_WIDTH = 12


@dataclass(frozen=True)
class Snapshot:
    """What was done by this run at one time; rows that earlier runs finished are not in it."""

    time: float
    rows: int
    tokens: int


class Progress:
    """Shows how far a stage is; used as a context manager.

    Args:
        title: name of the stage.
        total: rows in all.
        done: rows that earlier runs finished.
        stream: where it is written; stderr by default.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        title: str,
        total: int,
        done: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title, self.total, self.done = title, total, done
        self._stream = stream or sys.stderr
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._start = Snapshot(clock(), 0, 0)
        self._window: deque[Snapshot] = deque([self._start])
        self._troubles = (0, 0)
        self.note: str | None = None
        self._shown = self._start

    def __enter__(self) -> Self:
        """Shows the first state."""
        self._show()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Shows the last state and ends the line."""
        last = self._window[-1]
        if (last.rows, last.tokens) != (self._shown.rows, self._shown.tokens) or not last.rows:
            self._show()
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()

    def rebase(self, total: int, done: int) -> None:
        """Takes what is known only when the work begins: rows in all, and of earlier runs."""
        self.total, self.done = total, done
        self._window = deque([Snapshot(self._clock(), 0, 0)])

    def update(
        self,
        rows: int,
        tokens: int = 0,
        unscored: int = 0,
        failed: int = 0,
        note: str | None = None,
    ) -> None:
        """Takes the sums of this run alone so far, and shows them when it is time.

        A note takes the place of the unscored and failed rows, e.g. the loss of a training.
        """
        now = Snapshot(self._clock(), rows, tokens)
        self.note = note
        self._window.append(now)
        while len(self._window) > 2 and now.time - self._window[0].time > _WINDOW_SECONDS:
            self._window.popleft()
        self._troubles = (unscored, failed)
        if self._is_time(now):
            self._show()

    def _is_time(self, now: Snapshot) -> bool:
        waited = now.time - self._shown.time
        if self._terminal:
            return waited >= _BAR_SECONDS
        return waited >= _LINE_SECONDS and (
            now.rows - self._shown.rows >= _LINE_SHARE * self.total or waited >= 6 * _LINE_SECONDS
        )

    def _show(self) -> None:
        now = self._window[-1]
        self._shown = Snapshot(self._clock(), now.rows, now.tokens)
        text = self.render()
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[2K{text[:width]}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def render(self) -> str:
        """The state as one line."""
        first, last = self._window[0], self._window[-1]
        seconds = last.time - first.time
        if seconds < _LEAST_SECONDS:  # no speed follows from one look
            seconds = float("inf")
        rows = min(self.done + last.rows, self.total)
        share = rows / self.total if self.total else 1.0
        speed = (last.rows - first.rows) / seconds
        tokens = (last.tokens - first.tokens) / seconds if last is not first else 0.0
        unscored, failed = self._troubles
        troubles = f"{unscored} unscored  {failed} failed"
        filled = int(share * _BAR_WIDTH)
        bar = f" [{'#' * filled}{'-' * (_BAR_WIDTH - filled)}]" if self._terminal else ""
        parts = [
            f"{self.title:<8} {share:4.0%}{bar} {rows:,}/{self.total:,} rows",
            self._render_time(rows, speed),
            f"{tokens:,.0f} tokens/s" if last.tokens else "",
            troubles if self.note is None else self.note,
        ]
        return "  ".join(part for part in parts if part)

    def _render_time(self, rows: int, speed: float) -> str:
        if rows >= self.total:
            return f"in {format_seconds(self._window[-1].time - self._start.time)}"
        return f"ETA {format_seconds((self.total - rows) / speed)}" if speed > 0 else "ETA -"


def format_seconds(seconds: float) -> str:
    """A duration, e.g. `0:41`, `12:03`, `3:07:55`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
