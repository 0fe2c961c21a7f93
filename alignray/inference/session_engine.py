"""What all engines over an OpenAI-shaped server share: one session, its slots and its counts."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from alignray.inference.attempts import Sleep
from alignray.inference.endpoints import Resolver, resolve_host
from alignray.inference.engine import Request
from alignray.inference.openai_client import ServerConfig
from alignray.inference.openai_session import OpenAISession

C = TypeVar("C", bound=ServerConfig)


class SessionEngine(Generic[C]):
    """Base of such an engine, which adds `start` and `generate`.

    Args:
        config: model, endpoint, limits.
        sleep: how to wait between tries.
        resolve: how to look up the host.
    """

    def __init__(
        self,
        config: C,
        *,
        sleep: Sleep = asyncio.sleep,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._config = config
        self._session = OpenAISession(config, sleep, resolve)

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
        return self._session.attempts.ended

    @property
    def retries(self) -> int:
        """Retries counted against the budget."""
        return self._session.attempts.budget.retries

    async def stop(self) -> None:
        """Closes the connections; requests under way end with `EngineDead`."""
        await self._session.close()
