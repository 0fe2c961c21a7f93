"""The stock `openai` client on checked connections, one try at a time.

The client's own retries are off: ours count against a budget and obey `Retry-After`. Bodies are
read as JSON here rather than as the client's types, which accept anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Mapping
from typing import Any

import httpx2
import openai

from alignray.config.inference import OpenAIEngineConfig
from alignray.config.judge_engines import ModerationEngineConfig
from alignray.errors import EngineError
from alignray.inference.endpoints import Endpoint
from alignray.inference.engine import RequestFailed
from alignray.inference.openai_response import Trouble, classify_status
from alignray.inference.pinned_transport import PinnedTransport
from alignray.inference.retry import parse_retry_after

ServerConfig = OpenAIEngineConfig | ModerationEngineConfig

_CONNECT_SECONDS = 10.0
_OPTIONAL_STATUSES = (403, 501)
"""A key may be good for chat and not for the list of models."""


def read_key(config: ServerConfig, host: str) -> str:
    """The key from the environment variable that the configuration names.

    Raises:
        EngineError: OpenAI's own host without a key, or a key that no header can carry.
    """
    key = os.environ.get(config.api_key_env, "").strip()
    if not key and host.endswith("openai.com"):
        raise EngineError(
            f"${config.api_key_env}", "not set", f"the key for {host}", "export it and run again"
        )
    if not key.isascii() or not key.isprintable():
        raise EngineError(f"${config.api_key_env}", "not a key", "printable ASCII characters")
    return key or "none"


def build_client(config: ServerConfig, endpoint: Endpoint, key: str) -> openai.AsyncOpenAI:
    """A client that talks to one endpoint: pinned addresses, no redirects, no retries."""
    resources = config.resources
    slots = resources.max_concurrent_requests
    limits = httpx2.Limits(max_connections=slots, max_keepalive_connections=slots)
    route: dict[str, Any] = {"proxy": endpoint.proxy}
    if endpoint.proxy is None:
        # Certificates take 0.1 s to load, and plain http has none to check.
        inner = httpx2.AsyncHTTPTransport(limits=limits, verify=endpoint.url[:5] == "https")
        route = {"transport": PinnedTransport(endpoint.host, endpoint.addresses, inner)}
    timeout = httpx2.Timeout(
        resources.timeout_seconds, connect=min(_CONNECT_SECONDS, resources.timeout_seconds)
    )
    http_client = openai.DefaultAsyncHttpxClient(
        follow_redirects=False, trust_env=False, limits=limits, timeout=timeout, **route
    )
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=endpoint.url,
        max_retries=0,
        timeout=timeout,
        http_client=http_client,
    )


async def request_chat(client: openai.AsyncOpenAI, body: dict[str, Any], seconds: float) -> Any:
    """One try of `POST /chat/completions`: the JSON body of an HTTP 200, or the trouble.

    Raises:
        RequestFailed: an HTTP 200 whose body is not JSON.
    """
    return await _try(client.chat.completions.with_raw_response.create(**body), seconds)


async def request_moderation(
    client: openai.AsyncOpenAI, body: dict[str, Any], seconds: float
) -> Any:
    """One try of `POST /moderations`, as `request_chat`."""
    return await _try(client.moderations.with_raw_response.create(**body), seconds)


async def request_models(client: openai.AsyncOpenAI, seconds: float) -> Any:
    """One try of `GET /models`, as `request_chat`; not all servers have it."""
    reply = await _try(client.get("/models", cast_to=httpx2.Response), seconds)
    if isinstance(reply, Trouble) and reply.status in _OPTIONAL_STATUSES:
        return Trouble("reject", reply.reason)
    return reply


async def _try(call: Awaitable[Any], seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):  # httpx bounds the wait for each byte, this the whole
            response = await call
    except (TimeoutError, openai.APITimeoutError):
        return Trouble("retry", f"no answer in {seconds:g} s")
    except openai.APIConnectionError as error:
        return Trouble("retry", f"connection broken ({_name_root(error)})")
    except openai.APIStatusError as error:
        retry_after = _read_retry_after(error.response.headers)
        return classify_status(error.status_code, error.body, retry_after)
    try:
        return json.loads(response.content)
    except ValueError as error:
        raise RequestFailed("http 200 with a body that is not JSON") from error


def _name_root(error: BaseException) -> str:
    """The class at the root of an error: its text may hold headers, its class tells enough."""
    root = error
    while root.__cause__ is not None or root.__context__ is not None:
        root = root.__cause__ or root.__context__ or root
    return type(root).__name__


def _read_retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = parse_retry_after(headers.get("retry-after-ms"), 0.0)
    if milliseconds is not None:
        return milliseconds / 1000
    return parse_retry_after(headers.get("retry-after"), time.time())
