"""One checked connection to an OpenAI-compatible server, for whatever is asked of it.

    open (endpoints.py) -> slot (throttle.py) -> tries (attempts.py) -> one try (openai_client.py)

What ends all requests (key refused, quota used up, redirect, retry budget spent) is raised from
the one that met it and from every later one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import openai

from alignray.errors import EngineError
from alignray.inference.attempts import Attempts, Hopeless, Sleep, explain_end
from alignray.inference.endpoints import DEFAULT_URL, Resolver, resolve_endpoint
from alignray.inference.engine import EngineDead
from alignray.inference.openai_client import ServerConfig, build_client, read_key
from alignray.inference.retry import MIN_RETRIES, RetryBudget
from alignray.inference.throttle import Throttle

T = TypeVar("T")
Send = Callable[[openai.AsyncOpenAI, float], Awaitable[Any]]
"""One try: client and seconds -> the JSON of an HTTP 200, or a `Trouble`."""

_START_TRIES = 3


class OpenAISession:
    """The connection of one engine; used on one event loop.

    Attributes:
        where: model and host, for errors.
        throttle: the slots for requests.
        attempts: counts of tries and retries.
    """

    def __init__(
        self,
        config: ServerConfig,
        sleep: Sleep,
        resolve: Resolver,
    ) -> None:
        slots = config.resources.max_concurrent_requests
        self._config = config
        self._resolve = resolve
        self.where = config.model
        self.throttle = Throttle(slots)
        self.attempts = Attempts(
            RetryBudget(config.resources.retry_budget, max(MIN_RETRIES, 2 * slots)),
            self.throttle,
            config.resources.max_backoff_seconds,
            sleep,
        )
        self._client: openai.AsyncOpenAI | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._fatal: EngineError | None = None

    @property
    def start_tries(self) -> int:
        """Tries of a first request: fewer, for a user waits for it."""
        return min(_START_TRIES, self._config.resources.max_tries)

    async def open(self) -> None:
        """Checks URL and key and makes the client; nothing is sent yet.

        Raises:
            EngineError: the URL is not allowed, or there is no usable key.
        """
        url = self._config.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL
        endpoint = await asyncio.to_thread(
            resolve_endpoint,
            url,
            allow_private=self._config.allow_private,
            resolve=self._resolve,
        )
        self.where = f"{self._config.model} at {endpoint.host}"
        key = read_key(self._config, endpoint.host)
        await self._close_client()
        self._client = build_client(self._config, endpoint, key)
        self._stopped = asyncio.get_running_loop().create_future()
        self._fatal = None

    async def close(self) -> None:
        """Closes the connections; what runs under `guard` ends with `EngineDead`."""
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        await self._close_client()

    async def guard(self, build: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs a request's work until it is done or the session is closed.

        Raises:
            EngineError: no request can be answered any more.
            EngineDead: closed.
        """
        if self._fatal is not None:
            raise self._fatal
        if self._stopped is None or self._stopped.done():
            raise EngineDead("not running")
        work = asyncio.ensure_future(build())
        try:
            await asyncio.wait((work, self._stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()  # no effect on work that is done
        if not work.done():
            raise EngineDead("stopped while it was answering")
        return work.result()

    async def ask(self, send: Send, max_tries: int) -> Any:
        """Tries until the server answers; the answer's JSON.

        Raises:
            RequestRejected, RequestFailed: see `Attempts.run`.
            EngineError: no request can be answered any more.
            EngineDead: closed.
        """
        client, seconds = self._client, self._config.resources.timeout_seconds
        if client is None:
            raise EngineDead("not running")
        try:
            return await self.attempts.run(lambda: send(client, seconds), max_tries)
        except Hopeless as end:
            self._fatal = explain_end(end, self.where, self._config.api_key_env)
            raise self._fatal from end

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
