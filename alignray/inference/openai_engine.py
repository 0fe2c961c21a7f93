"""Any OpenAI-compatible HTTP server as an engine.

    request -> slot (throttle.py) -> tries (attempts.py) -> HTTP (openai_client.py) -> Result

An engine here is a client: what dies is the server, and that shows as requests that fail. A
request ends as answered, rejected (the row is at fault), or failed after its tries. The engine
itself ends, with an `EngineError`, where no request can succeed (key refused, quota used up,
redirect) or where retries have used up their budget.

Not promised: equal seeds give equal text only as far as the server keeps that promise.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Awaitable, Callable
from typing import Any

import openai

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.errors import EngineError
from alignray.inference.attempts import Attempts, Hopeless, Sleep, explain_end
from alignray.inference.endpoints import DEFAULT_URL, Resolver, resolve_endpoint, resolve_host
from alignray.inference.engine import (
    EngineDead,
    Output,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.openai_client import (
    build_client,
    read_key,
    request_chat,
    request_models,
)
from alignray.inference.openai_request import build_body
from alignray.inference.openai_response import list_model_ids, parse_answer
from alignray.inference.retry import MIN_RETRIES, RetryBudget
from alignray.inference.throttle import Throttle

_START_TRIES = 3
_FIRST_TOKENS = 16
"""Length of the first request: some reasoning models refuse less."""


class OpenAIEngine:
    """See the module and `alignray.inference.engine.Engine`.

    Args:
        config: model, endpoint, limits.
        sleep: how to wait between tries.
        resolve: how to look up the host.
    """

    def __init__(
        self,
        config: OpenAIEngineConfig,
        *,
        sleep: Sleep = asyncio.sleep,
        resolve: Resolver = resolve_host,
    ) -> None:
        slots = config.resources.max_concurrent_requests
        self._config = config
        self._resolve = resolve
        self._throttle = Throttle(slots)
        self._attempts = Attempts(
            RetryBudget(config.resources.retry_budget, max(MIN_RETRIES, 2 * slots)),
            self._throttle,
            config.resources.max_backoff_seconds,
            sleep,
        )
        self._client: openai.AsyncOpenAI | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._fatal: EngineError | None = None
        self._where = config.model

    @property
    def max_sequences(self) -> int:
        """Requests in flight at once."""
        return self._config.resources.max_concurrent_requests

    def weigh(self, request: Request) -> int:
        """A request is one place in line, however many responses it asks for."""
        return 1

    @property
    def progress(self) -> int:
        """Tries that ended, in whatever way: waiting for a busy server is no hang."""
        return self._attempts.ended

    @property
    def retries(self) -> int:
        """Retries counted against the budget."""
        return self._attempts.budget.retries

    async def start(self) -> None:
        """Checks URL and key, asks for the models, and sends a first request if that proves little.

        Raises:
            EngineError: the URL is not allowed, the key is refused, or the model does not answer.
        """
        url = self._config.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL
        endpoint = await asyncio.to_thread(
            resolve_endpoint,
            url,
            allow_private=self._config.allow_private,
            resolve=self._resolve,
        )
        self._where = f"{self._config.model} at {endpoint.host}"
        key = read_key(self._config, endpoint.host)
        await self._close()
        self._client = build_client(self._config, endpoint, key)
        self._stopped = asyncio.get_running_loop().create_future()
        self._fatal = None
        await self._prove()

    async def generate(self, request: Request) -> Result:
        """Answers one request (see Engine.generate); a server that ignores `n` is asked again.

        Raises:
            RequestRejected: `prompt_too_long`, or the server's status and error code.
            RequestFailed: no usable answer after all tries.
            EngineError: no request can be answered any more.
            EngineDead: stopped.
        """
        if self._fatal is not None:
            raise self._fatal
        if self._stopped is None or self._stopped.done():
            raise EngineDead("not running")
        work = asyncio.ensure_future(self._answer(request))
        try:
            await asyncio.wait((work, self._stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()  # no effect on work that is done
        if not work.done():
            raise EngineDead("stopped while it was answering")
        return work.result()

    async def stop(self) -> None:
        """Closes the connections; requests under way end with `EngineDead`."""
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        await self._close()

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _answer(self, request: Request) -> Result:
        outputs: list[Output] = []
        prompt_tokens = cached_tokens = 0
        max_tries = self._config.resources.max_tries
        async with self._throttle.slot():
            while len(outputs) < request.sampling.n:
                part = _skip_outputs(request, len(outputs))
                payload = await self._ask(build_body(part, self._config), max_tries)
                answer = parse_answer(payload, part, self._config)
                outputs += answer.outputs
                prompt_tokens += answer.prompt_tokens
                cached_tokens += answer.cached_tokens
        return Result(outputs, prompt_tokens, cached_tokens)

    async def _ask(self, body: dict[str, Any], max_tries: int) -> Any:
        return await self._try(
            lambda client, seconds: request_chat(client, body, seconds), max_tries
        )

    async def _try(
        self, send: Callable[[openai.AsyncOpenAI, float], Awaitable[Any]], max_tries: int
    ) -> Any:
        client, seconds = self._client, self._config.resources.timeout_seconds
        if client is None:
            raise EngineDead("not running")
        try:
            return await self._attempts.run(lambda: send(client, seconds), max_tries)
        except Hopeless as end:
            self._fatal = explain_end(end, self._where, self._config.api_key_env)
            raise self._fatal from end

    async def _prove(self) -> None:
        tries = min(_START_TRIES, self._config.resources.max_tries)
        try:
            known = list_model_ids(await self._try(request_models, tries))
        except (RequestRejected, RequestFailed):
            known = []
        if self._config.model in known:
            return
        try:
            reply = await self._ask(build_body(_FIRST_REQUEST, self._config), tries)
            parse_answer(reply, _FIRST_REQUEST, self._config)
        except (RequestRejected, RequestFailed) as error:
            raise EngineError(
                self._where,
                f"a first request ended with: {error.reason}",
                "an answer",
                f"its models: {', '.join(known[:8])}" if known else "check base_url and model",
            ) from error


_FIRST_REQUEST = Request(
    "first",
    [{"role": "user", "content": "Hello"}],
    SamplingParams(temperature=0, max_tokens=_FIRST_TOKENS),
    seed=0,
)


def _skip_outputs(request: Request, num_outputs: int) -> Request:
    """The request for the outputs that are still missing; output i has seed + i, as ever."""
    if num_outputs == 0:
        return request
    sampling = request.sampling.model_copy(update={"n": request.sampling.n - num_outputs})
    return dataclasses.replace(request, sampling=sampling, seed=request.seed + num_outputs)
