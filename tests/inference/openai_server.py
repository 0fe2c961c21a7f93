"""An OpenAI-shaped HTTP server on 127.0.0.1 for tests: the fake engine behind real sockets.

    with serve_openai(position_bias=1.0) as server:
        server.plan(Fault(429, headers={"Retry-After": "0.1"}), Fault(kind="drop"))
        config = server.build_config(max_tries=3)

Faults are played to the next chat requests, in their order; `server.rule` picks one by body.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from alignray.config.inference import (
    FakeEngineConfig,
    OpenAIEngineConfig,
    OpenAIResources,
    SamplingParams,
)
from alignray.inference.engine import Constraint, Output, Request, RequestRejected, Result
from alignray.inference.fake_engine import FakeEngine


@dataclass(frozen=True)
class Fault:
    """What a chat request gets instead of an answer.

    `status`: an HTTP status with a body; `drop`: a closed connection; `stall`: nothing, ever.
    """

    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["status", "drop", "stall"] = "status"


@dataclass
class OpenAIServer:
    """A running server: what it saw, and what it shall do."""

    engine: FakeEngine
    labels: tuple[str, ...]
    models: list[str]
    url: str = ""
    delay: float = 0.0
    """Seconds that every answer takes."""
    busy_above: int | None = None
    """Requests in flight above which it answers 429."""
    max_choices: int | None = None
    """Choices it gives at most, whatever `n` says."""
    models_status: int = 200
    rule: Callable[[dict[str, Any]], Fault | None] = lambda body: None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    turned_away: int = 0
    _faults: deque[Fault | None] = field(default_factory=deque)

    def plan(self, *faults: Fault | None) -> None:
        """Faults for the next chat requests; None answers."""
        self._faults.extend(faults)

    def build_config(self, **resources: Any) -> OpenAIEngineConfig:
        """The configuration of an engine that asks this server."""
        fields = {name: resources.pop(name) for name in list(resources) if name in _ENGINE_FIELDS}
        fields = {"model": self.models[0], "base_url": self.url} | fields
        return OpenAIEngineConfig(**fields, resources=OpenAIResources(**resources))

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        self.paths.append(request.path)
        if self.models_status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.models_status)
        return web.json_response({"data": [{"id": model} for model in self.models]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        body = await request.json()
        self.paths.append(request.path)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.busy_above is not None and self.in_flight > self.busy_above:
                self.turned_away += 1
                return await play(Fault(429, {"error": {"code": "rate_limit"}}), request)
            fault = self._faults.popleft() if self._faults else self.rule(body)
            if fault is not None:
                return await play(fault, request)
            await asyncio.sleep(self.delay)
            return await self._answer(body)
        finally:
            self.in_flight -= 1

    async def _answer(self, body: dict[str, Any]) -> web.Response:
        if body["model"] not in self.models:
            error = {"code": "model_not_found", "message": f"no model {body['model']}"}
            return web.json_response({"error": error}, status=404)
        constraint, is_wrapped = _read_constraint(body)
        request = self._read_request(body, constraint)
        try:
            result = await self.engine.generate(request)
        except RequestRejected:
            text = body["messages"][-1]["content"]
            message = f"This model's maximum context length is exceeded by: {text}"
            return web.json_response({"error": {"message": message, "code": 400}}, status=400)
        return web.json_response(_build_payload(request, result, is_wrapped))

    def _read_request(self, body: dict[str, Any], constraint: Constraint | None) -> Request:
        model = body["model"]
        sampling = SamplingParams(
            n=min(body.get("n", 1), self.max_choices or 1024),
            temperature=body.get("temperature", 1.0),
            max_tokens=body.get("max_tokens") or body["max_completion_tokens"],
            stop=tuple(body.get("stop", ())),
            logprobs=body.get("logprobs", False),
        )
        return Request(
            "http",
            body["messages"],
            sampling,
            seed=body.get("seed", 0),
            adapter=None if model == self.engine.config.model else model,
            constraint=constraint,
            label_tokens=self.labels if body.get("top_logprobs") else (),
        )


_ENGINE_FIELDS = set(OpenAIEngineConfig.model_fields) - {"resources", "type"}


@contextlib.contextmanager
def serve_openai(
    *,
    labels: tuple[str, ...] = ("1", "2", "3", "4", "5"),
    adapters: tuple[str, ...] = (),
    **knobs: Any,
) -> Iterator[OpenAIServer]:
    """Runs a server in a thread of its own; `knobs` are fields of `FakeEngineConfig`."""
    engine = FakeEngine(FakeEngineConfig(**knobs))
    server = OpenAIServer(engine, labels, [engine.config.model, *adapters])
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


async def _start(server: OpenAIServer) -> web.AppRunner:
    await server.engine.start()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/v1/models", server.list_models)
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    return runner


async def play(fault: Fault, request: web.Request) -> web.StreamResponse:
    """Does to a request what the fault says."""
    if fault.kind == "stall":
        await asyncio.sleep(3600)
    if fault.kind == "drop":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
    return web.Response(
        status=fault.status, text=text, headers=fault.headers, content_type="application/json"
    )


def _read_constraint(body: dict[str, Any]) -> tuple[Constraint | None, bool]:
    """The constraint of a body, and whether its answer is wrapped as `{"answer": ...}`."""
    structured = body.get("structured_outputs")
    if structured:
        if "choice" in structured:
            return Constraint(choice=tuple(structured["choice"])), False
        return Constraint(regex=structured.get("regex"), json_schema=structured.get("json")), False
    if "response_format" not in body:
        return None, False
    schema = body["response_format"]["json_schema"]["schema"]
    answer = schema["properties"].get("answer") if len(schema["properties"]) == 1 else None
    if answer and "enum" in answer:
        return Constraint(choice=tuple(answer["enum"])), True
    if answer and "pattern" in answer:
        return Constraint(regex=answer["pattern"]), True
    return Constraint(json_schema=schema), False


def _build_payload(request: Request, result: Result, is_wrapped: bool) -> dict[str, Any]:
    completion_tokens = sum(output.num_tokens for output in result.outputs)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "fake",
        "choices": [
            _build_choice(i, request, output, is_wrapped) for i, output in enumerate(result.outputs)
        ],
        "usage": {
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": result.prompt_tokens + completion_tokens,
        },
    }


def _build_choice(i: int, request: Request, output: Output, is_wrapped: bool) -> dict[str, Any]:
    text = json.dumps({"answer": output.text}) if is_wrapped else output.text
    choice: dict[str, Any] = {
        "index": i,
        "message": {"role": "assistant", "content": text},
        "finish_reason": output.finish_reason,
    }
    if not request.sampling.logprobs or output.logp is None:
        return choice
    tokens = output.text.split()
    content = [{"token": token, "logprob": output.logp / len(tokens)} for token in tokens]
    if request.label_tokens:
        labels = output.label_logps.items()
        content[0]["top_logprobs"] = [{"token": t, "logprob": p} for t, p in labels]
    return choice | {"logprobs": {"content": content}}
