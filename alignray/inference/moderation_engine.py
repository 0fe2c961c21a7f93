"""A moderations endpoint as an engine: OpenAI's, or any server with that shape.

    request -> text (moderation_answer.py) -> openai_session.py -> flags and scores (the same file)

One input per HTTP request, so that an input that the server refuses takes no other with it.

Not measured: whether the server is right. A name such as `omni-moderation-latest` changes its
meaning over time, and neither server nor key say so.
"""

from __future__ import annotations

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import ModerationEngineConfig
from alignray.errors import EngineError
from alignray.inference.engine import Request, RequestFailed, RequestRejected, Result
from alignray.inference.moderation_answer import build_input, parse_moderation
from alignray.inference.openai_client import request_moderation
from alignray.inference.session_engine import SessionEngine


class ModerationEngine(SessionEngine[ModerationEngineConfig]):
    """See the module; a request's last message is the response that is moderated."""

    async def start(self) -> None:
        """Checks URL and key and moderates a first text.

        Raises:
            EngineError: the URL is not allowed, the key is refused, or there is no verdict.
        """
        await self._session.open()
        try:
            await self._ask(_FIRST_REQUEST, self._session.start_tries)
        except (RequestRejected, RequestFailed) as error:
            raise EngineError(
                self._session.where,
                f"a first request ended with: {error.reason}",
                'an answer to POST /moderations {"model", "input"}',
                "check base_url and model",
            ) from error

    async def generate(self, request: Request) -> Result:
        """The verdict on one response.

        Raises:
            RequestRejected: the server refuses the input, or its answer cannot be read.
            RequestFailed: no answer after all tries.
            EngineError: no request can be answered any more.
            EngineDead: stopped.
        """
        return await self._session.guard(
            lambda: self._ask(request, self._config.resources.max_tries)
        )

    async def _ask(self, request: Request, max_tries: int) -> Result:
        body = {
            "model": self._config.model,
            "input": build_input(request.messages, self._config.form),
        }
        async with self._session.throttle.slot():
            payload = await self._session.ask(
                lambda client, seconds: request_moderation(client, body, seconds), max_tries
            )
        return Result([parse_moderation(payload)], 0)


_FIRST_REQUEST = Request(
    "first",
    [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}],
    SamplingParams(max_tokens=1),
    seed=0,
)
