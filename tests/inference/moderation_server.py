"""A moderations server on 127.0.0.1 for tests, in OpenAI's shape, with bad days on demand.

with serve_moderation() as server:
    server.plan(Fault(429, headers={"Retry-After": "0.1"}))
    config = server.build_config(max_tries=3)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from alignray.config.inference import OpenAIResources
from alignray.config.judge_engines import ModerationEngineConfig
from tests.inference.openai_server import Fault, play

CATEGORIES = ("harassment", "hate", "hate/threatening", "illicit", "self-harm", "violence")
MODEL = "omni-moderation-latest"


def moderate(text: str) -> dict[str, Any]:
    """A verdict that depends on the text alone: locks are violent, and `illicit` is unknown."""
    score = 0.93 if "lock" in text else len(text) % 7 / 100
    categories: dict[str, bool | None] = dict.fromkeys(CATEGORIES, False)
    scores: dict[str, float | None] = dict.fromkeys(CATEGORIES, 0.001)
    categories |= {"violence": score > 0.5, "illicit": None}
    scores |= {"violence": score, "illicit": None}
    return {"flagged": score > 0.5, "categories": categories, "category_scores": scores}


@dataclass
class ModerationServer:
    """A running server: what it saw, and what it shall do."""

    url: str = ""
    delay: float = 0.0
    """Seconds that every answer takes."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    _faults: deque[Fault | None] = field(default_factory=deque)

    @property
    def inputs(self) -> list[str]:
        """Texts asked about, without the first of each engine."""
        return [body["input"] for body in self.bodies if body["input"] != "Hi"]

    def plan(self, *faults: Fault | None) -> None:
        """Faults for the next requests; None answers."""
        self._faults.extend(faults)

    def build_config(self, **resources: Any) -> ModerationEngineConfig:
        """The configuration of an engine that asks this server."""
        names = set(ModerationEngineConfig.model_fields) - {"type", "resources"}
        fields = {name: resources.pop(name) for name in list(resources) if name in names}
        resources = {"max_backoff_seconds": 1} | resources
        return ModerationEngineConfig(
            **({"base_url": self.url} | fields), resources=OpenAIResources(**resources)
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/moderations."""
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        fault = self._faults.popleft() if self._faults else None
        if fault is not None:
            return await play(fault, request)
        await asyncio.sleep(self.delay)
        return web.json_response(
            {"id": "modr-1", "model": body["model"], "results": [moderate(body["input"])]}
        )


@contextlib.contextmanager
def serve_moderation() -> Iterator[ModerationServer]:
    """Runs a server in a thread of its own."""
    server = ModerationServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(server), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(server: ModerationServer) -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/v1/moderations", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    return runner
