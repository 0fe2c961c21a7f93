"""When to try an HTTP request again: pure arithmetic, no clock and no network of its own.

Full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015): the wait before retry k is drawn
evenly from 0 to min(cap, base * 2**k), which spreads clients that failed at the same moment. A
server's `Retry-After` is a floor under that wait. A budget for the whole engine keeps an outage
from being answered with a storm of retries; `max_tries` alone would multiply the load by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

BACKOFF_BASE_SECONDS = 0.5
MIN_RETRIES = 20
"""Retries that an engine may always make, however few requests it has made."""

_MAX_DOUBLINGS = 32


def compute_backoff(retry: int, cap_seconds: float, uniform: float) -> float:
    """Seconds to wait before a retry, by full jitter.

    Args:
        retry: retries of this request so far, from 0.
        cap_seconds: longest wait.
        uniform: a number drawn evenly from [0, 1).
    """
    return uniform * min(cap_seconds, BACKOFF_BASE_SECONDS * 2.0 ** min(retry, _MAX_DOUBLINGS))


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3), or None without a sense.

    Args:
        value: the header: seconds, or an HTTP date. Fractions of seconds are understood.
        now: seconds since the epoch.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _parse_date(value) - now
    return max(0.0, seconds) if math.isfinite(seconds) else None


def compute_delay(
    retry: int, retry_after: float | None, cap_seconds: float, uniform: float
) -> float | None:
    """Seconds to wait before a retry; None when the server asks for more than the cap.

    The jitter comes on top of `retry_after`, since all who were turned away were told the same.
    """
    backoff = compute_backoff(retry, cap_seconds, uniform)
    if retry_after is None:
        return backoff
    return None if retry_after > cap_seconds else retry_after + backoff


@dataclass
class RetryBudget:
    """Retries that an engine may make, as a share of its requests, at least `floor`.

    Example: `RetryBudget(share=0.1)` allows 20 retries up to request 200, and 100 at request 1000.
    """

    share: float
    floor: int = MIN_RETRIES
    requests: int = 0
    retries: int = 0

    @property
    def allowed(self) -> int:
        """Retries allowed after the requests made so far."""
        return max(self.floor, math.floor(self.share * self.requests))

    def count_request(self) -> None:
        """Counts a request (once, however often it is tried)."""
        self.requests += 1

    def take(self) -> bool:
        """Takes one retry out of the budget; False when there is none left."""
        if self.retries >= self.allowed:
            return False
        self.retries += 1
        return True


def _parse_date(value: str) -> float:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return math.nan
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
