"""Any OpenAI-compatible HTTP server as an engine.

    request -> body (openai_request.py) -> openai_session.py -> openai_response.py -> Result

An engine here is a client: what dies is the server, and that shows as requests that fail. A
request ends as answered, rejected (the row is at fault), or failed after its tries. The engine
itself ends, with an `EngineError`, where no request can succeed (key refused, quota used up,
redirect) or where retries have used up their budget.

Not promised: equal seeds give equal text only as far as the server keeps that promise.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.errors import EngineError
from alignray.inference.engine import (
    Output,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.openai_client import request_chat, request_models
from alignray.inference.openai_request import build_body
from alignray.inference.openai_response import list_model_ids, parse_answer
from alignray.inference.session_engine import SessionEngine

_FIRST_TOKENS = 16
"""Length of the first request: some reasoning models refuse less."""


class OpenAIEngine(SessionEngine[OpenAIEngineConfig]):
    """See the module and `alignray.inference.engine.Engine`."""

    async def start(self) -> None:
        """Checks URL and key, asks for the models, and sends a first request if that proves little.

        Raises:
            EngineError: the URL is not allowed, the key is refused, or the model does not answer.
        """
        await self._session.open()
        await self._prove()

    async def generate(self, request: Request) -> Result:
        """Answers one request (see Engine.generate); a server that ignores `n` is asked again.

        Raises:
            RequestRejected: `prompt_too_long`, or the server's status and error code.
            RequestFailed: no usable answer after all tries.
            EngineError: no request can be answered any more.
            EngineDead: stopped.
        """
        return await self._session.guard(lambda: self._answer(request))

    async def _answer(self, request: Request) -> Result:
        outputs: list[Output] = []
        prompt_tokens = cached_tokens = 0
        max_tries = self._config.resources.max_tries
        async with self._session.throttle.slot():
            while len(outputs) < request.sampling.n:
                part = _skip_outputs(request, len(outputs))
                payload = await self._ask(build_body(part, self._config), max_tries)
                answer = parse_answer(payload, part, self._config)
                outputs += answer.outputs
                prompt_tokens += answer.prompt_tokens
                cached_tokens += answer.cached_tokens
        return Result(outputs, prompt_tokens, cached_tokens)

    async def _ask(self, body: dict[str, Any], max_tries: int) -> Any:
        return await self._session.ask(
            lambda client, seconds: request_chat(client, body, seconds), max_tries
        )

    async def _prove(self) -> None:
        tries = self._session.start_tries
        try:
            known = list_model_ids(await self._session.ask(request_models, tries))
        except (RequestRejected, RequestFailed):
            known = []
        if self._config.model in known:
            return
        try:
            reply = await self._ask(build_body(_FIRST_REQUEST, self._config), tries)
            parse_answer(reply, _FIRST_REQUEST, self._config)
        except (RequestRejected, RequestFailed) as error:
            raise EngineError(
                self._session.where,
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
