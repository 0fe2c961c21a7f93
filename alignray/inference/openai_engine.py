"""Any OpenAI-compatible HTTP server as an engine.

    request -> slot (throttle.py) -> tries (retry.py) -> HTTP (openai_client.py) -> Result

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
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import openai

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.errors import EngineError
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
from alignray.inference.openai_response import Trouble, list_model_ids, parse_answer
from alignray.inference.retry import MIN_RETRIES, RetryBudget, compute_backoff, compute_delay
from alignray.inference.throttle import Throttle

Sleep = Callable[[float], Awaitable[None]]

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
        self._sleep = sleep
        self._resolve = resolve
        self._throttle = Throttle(slots)
        self._budget = RetryBudget(config.resources.retry_budget, max(MIN_RETRIES, 2 * slots))
        self._client: openai.AsyncOpenAI | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._fatal: EngineError | None = None
        self._where = config.model
        self._progress = 0

    @property
    def max_sequences(self) -> int:
        """Requests in flight at once."""
        return self._config.resources.max_concurrent_requests

    @property
    def progress(self) -> int:
        """Tries that ended, in whatever way: waiting for a busy server is no hang."""
        return self._progress

    @property
    def retries(self) -> int:
        """Retries counted against the budget."""
        return self._budget.retries

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
        async with self._throttle.slot():
            while len(outputs) < request.sampling.n:
                part = _skip_outputs(request, len(outputs))
                payload = await self._ask(build_body(part, self._config))
                answer = parse_answer(payload, part, self._config)
                outputs += answer.outputs
                prompt_tokens += answer.prompt_tokens
                cached_tokens += answer.cached_tokens
        return Result(outputs, prompt_tokens, cached_tokens)

    async def _ask(self, body: dict[str, Any]) -> Any:
        client, seconds = self._client, self._config.resources.timeout_seconds
        if client is None:
            raise EngineDead("not running")
        tries = self._config.resources.max_tries
        return await self._try_until(lambda: request_chat(client, body, seconds), tries)

    async def _try_until(self, send: Callable[[], Awaitable[Any]], max_tries: int) -> Any:
        """Tries until there is an answer; raises what the last trouble means."""
        self._budget.count_request()
        retry = 0
        while True:
            await self._keep_pause()
            began = time.monotonic()
            try:
                reply = await send()
            finally:
                self._progress += 1
            if not isinstance(reply, Trouble):
                self._throttle.note_answer()
                return reply
            await self._sleep(self._compute_wait(reply, began, retry, max_tries))
            retry += 1

    async def _keep_pause(self) -> None:
        """Waits as long as the server has asked everybody to, plus jitter."""
        pause = self._throttle.get_pause()
        if pause > 0:
            cap = self._config.resources.max_backoff_seconds
            await self._sleep(pause + compute_backoff(0, cap, random.random()))

    def _compute_wait(self, trouble: Trouble, began: float, retry: int, max_tries: int) -> float:
        """Seconds until the next try; raises where there is none."""
        if trouble.kind == "fatal":
            self._fatal = _build_fatal(trouble, self._where, self._config)
            raise self._fatal
        if trouble.kind == "reject":
            raise RequestRejected(trouble.reason)
        cap = self._config.resources.max_backoff_seconds
        delay = compute_delay(retry, trouble.retry_after, cap, random.random())
        if delay is None:
            raise RequestFailed(f"{trouble.reason}, retry after {trouble.retry_after:.0f} s")
        counts = True
        if trouble.kind == "busy":
            counts = self._throttle.note_busy(began, trouble.retry_after or 0.0)
        if retry + 1 >= max_tries:
            raise RequestFailed(f"{trouble.reason}, {max_tries} tries")
        if counts and not self._budget.take():
            self._fatal = self._build_spent(trouble)
            raise self._fatal
        return delay

    def _build_spent(self, trouble: Trouble) -> EngineError:
        budget = self._budget
        return EngineError(
            self._where,
            f"{budget.retries} retries in {budget.requests} requests (last: {trouble.reason})",
            f"at most {budget.allowed} (resources.retry_budget)",
            "finished rows are kept: run again when the server is well",
        )

    async def _prove(self) -> None:
        client, seconds = self._client, self._config.resources.timeout_seconds
        assert client is not None
        tries = min(_START_TRIES, self._config.resources.max_tries)
        try:
            payload = await self._try_until(lambda: request_models(client, seconds), tries)
        except (RequestRejected, RequestFailed):
            payload = None
        known = list_model_ids(payload)
        if self._config.model in known:
            return
        body = build_body(_FIRST_REQUEST, self._config)
        try:
            reply = await self._try_until(lambda: request_chat(client, body, seconds), tries)
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


def _build_fatal(trouble: Trouble, where: str, config: OpenAIEngineConfig) -> EngineError:
    if trouble.status in (401, 403):
        do = f"a key that the server accepts in ${config.api_key_env}"
        return EngineError(where, f"the server refuses the key ({trouble.reason})", do)
    if trouble.status < 400:
        do = "set base_url to where the server is"
        return EngineError(where, f"the server redirects ({trouble.reason})", "no redirect", do)
    return EngineError(where, f"the server takes no requests ({trouble.reason})", "", "check quota")
