"""The parent's end of a reward model's process: start, ask, kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from alignray.errors import EngineError
from alignray.inference.engine import EngineDead
from alignray.inference.reward_model import RewardModelSettings
from alignray.inference.reward_text import RewardText
from alignray.inference.reward_worker import dump_settings

_MODULE = "alignray.inference.reward_worker"
_LINE_BYTES = 1 << 26
"""Longest answer; a reward takes about 20 bytes."""


class RewardProcess:
    """A process with a reward model (`reward_worker.py`); used on one event loop."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    async def start(self, settings: RewardModelSettings) -> None:
        """Starts the process and waits until its model is loaded.

        Raises:
            EngineError: the model cannot be used.
            EngineDead: the process ended.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        answer = await self._exchange(dump_settings(settings))
        if "error" in answer:
            raise EngineError(*answer["error"])

    async def score(self, texts: Sequence[RewardText]) -> list[float]:
        """The rewards of one batch; one batch at a time.

        Raises:
            EngineDead: the process ended.
        """
        batch = {"ids": [text.ids for text in texts], "types": [text.types for text in texts]}
        rewards: list[float] = (await self._exchange(batch))["rewards"]
        return rewards

    async def kill(self) -> None:
        """Ends the process, hung or not. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EngineDead("not running")
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line.endswith(b"\n"):
            raise EngineDead(f"the reward model's process ended (exit code {await process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        return answer
