"""How a request is tried until it is answered, refused, given up, or all hope is gone.

The numbers are `retry.py`'s, the slots `throttle.py`'s; what a try is, the caller says. A request
keeps its slot while it waits for its next try: a server in trouble gets fewer requests, not others.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from alignray.errors import EngineError
from alignray.inference.engine import RequestFailed, RequestRejected
from alignray.inference.openai_response import Trouble
from alignray.inference.retry import RetryBudget, compute_backoff, compute_delay
from alignray.inference.throttle import Throttle

Sleep = Callable[[float], Awaitable[None]]


class Hopeless(Exception):
    """No request can succeed any more, for `trouble`; `budget` is set where it is used up."""

    def __init__(self, trouble: Trouble, budget: RetryBudget | None = None) -> None:
        super().__init__(trouble.reason)
        self.trouble = trouble
        self.budget = budget


class Attempts:
    """The tries of one engine.

    Attributes:
        budget: requests made and retries taken.
        ended: tries that ended, in whatever way.
    """

    def __init__(
        self, budget: RetryBudget, throttle: Throttle, cap_seconds: float, sleep: Sleep
    ) -> None:
        self.budget = budget
        self.ended = 0
        self._throttle = throttle
        self._cap_seconds = cap_seconds
        self._sleep = sleep

    async def run(self, send: Callable[[], Awaitable[Any]], max_tries: int) -> Any:
        """Tries until there is an answer.

        Args:
            send: one try; returns the answer or a `Trouble`.
            max_tries: tries of this request.

        Raises:
            RequestRejected: the request is at fault.
            RequestFailed: no answer after `max_tries`, or the server wants too long a wait.
            Hopeless: no other request would be answered either.
        """
        self.budget.count_request()
        retry = 0
        while True:
            await self._keep_pause()
            began = time.monotonic()
            try:
                reply = await send()
            finally:
                self.ended += 1
            if not isinstance(reply, Trouble):
                self._throttle.note_answer()
                return reply
            await self._sleep(self._compute_wait(reply, began, retry, max_tries))
            retry += 1

    async def _keep_pause(self) -> None:
        """Waits as long as the server has asked everybody to, plus jitter."""
        pause = self._throttle.get_pause()
        if pause > 0:
            await self._sleep(pause + compute_backoff(0, self._cap_seconds, random.random()))

    def _compute_wait(self, trouble: Trouble, began: float, retry: int, max_tries: int) -> float:
        """Seconds until the next try; raises where there is none."""
        if trouble.kind == "fatal":
            raise Hopeless(trouble)
        if trouble.kind == "reject":
            raise RequestRejected(trouble.reason)
        delay = compute_delay(retry, trouble.retry_after, self._cap_seconds, random.random())
        if delay is None:
            raise RequestFailed(f"{trouble.reason}, retry after {trouble.retry_after:.0f} s")
        counts = True
        if trouble.kind == "busy":
            counts = self._throttle.note_busy(began, trouble.retry_after or 0.0)
        if retry + 1 >= max_tries:
            raise RequestFailed(f"{trouble.reason}, {max_tries} tries")
        if counts and not self.budget.take():
            raise Hopeless(trouble, self.budget)
        return delay


def explain_end(end: Hopeless, where: str, api_key_env: str) -> EngineError:
    """The one-line error for the end of all hope."""
    reason, status, budget = end.trouble.reason, end.trouble.status, end.budget
    if budget is not None:
        return EngineError(
            where,
            f"{budget.retries} retries in {budget.requests} requests (last: {reason})",
            f"at most {budget.allowed} (resources.retry_budget)",
            "finished rows are kept: run again when the server is well",
        )
    if status in (401, 403):
        do = f"put a key that it accepts into ${api_key_env}"
        return EngineError(where, f"the server refuses the key ({reason})", "", do)
    if status < 400:
        do = "set base_url to where the server is"
        return EngineError(where, f"the server redirects ({reason})", "no redirect", do)
    return EngineError(where, f"the server takes no requests ({reason})", "", "check the quota")
