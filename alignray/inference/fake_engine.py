"""A deterministic engine without a model: dry plans, scale tests, rehearsals of faults.

An answer is a function of model name, adapter, conversation and seed (at temperature 0 of the
first three alone), whatever the order of the requests and the process. Tokens are words. Nothing
is queued: `max_sequences` is a wish, not a limit.

What it does not show: any quality of text or verdict. Verdicts are random and, as far as
`position_bias` says, follow the order in which the responses were shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math

from alignray.config.inference import FakeEngineConfig, SamplingParams
from alignray.inference.engine import (
    EngineDead,
    Output,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.fake_text import MASK, Prose, list_candidates, mix

_PROSE = Prose()
_TWO_64 = float(1 << 64)
_MAX_LOGIT = 4.0
_PLACES = ("A", "B")
"""Labels of a comparison: the answer shown first, the one shown second."""


class FakeEngine:
    """See the module; knobs are the fields of `FakeEngineConfig`.

    Attributes:
        requests: requests answered.
        prompt_tokens: words of their prompts.
        completion_tokens: words of their outputs.
    """

    def __init__(self, config: FakeEngineConfig) -> None:
        """Builds the engine, not yet started."""
        self.config = config
        self.requests = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._has_patterns = any((config.fail_pattern, config.kill_pattern, config.hang_pattern))
        self._down = asyncio.Event()
        self._down.set()
        self._end_reason = "not started"
        self._hung = False

    @property
    def max_sequences(self) -> int:
        """Sequences worth having in flight."""
        return self.config.resources.max_num_seqs

    def weigh(self, request: Request) -> int:
        """Every response is a sequence."""
        return request.sampling.n

    @property
    def progress(self) -> int:
        """Requests answered."""
        return self.requests

    async def start(self) -> None:
        """Starts the engine, anew where it was dead or hung."""
        self._end("started anew")
        self._down = asyncio.Event()
        self._end_reason = ""
        self._hung = False

    async def stop(self) -> None:
        """Ends the engine; requests in flight end with `EngineDead`."""
        self._end("stopped")

    async def generate(self, request: Request) -> Result:
        """Answers one request as the configuration says.

        Raises:
            RequestRejected: `prompt_too_long`.
            RequestFailed: the text contains `fail_pattern`.
            EngineDead: not started, or killed by this or another request.
        """
        if self._end_reason:
            raise EngineDead(self._end_reason)
        text = "\n".join([message["content"] for message in request.messages])
        prompt_tokens = len(text.split())
        if prompt_tokens > self.config.max_model_len:
            raise RequestRejected("prompt_too_long")
        if self._has_patterns:
            self._meet_patterns(text)
        room = min(request.sampling.max_tokens, self.config.max_model_len - prompt_tokens) or 1
        outputs = self._answer(request, text, room)
        if self._hung or self.config.seconds_per_token:
            await self._wait(max(output.num_tokens for output in outputs))
        self.requests += 1
        self.prompt_tokens += prompt_tokens
        for output in outputs:
            self.completion_tokens += output.num_tokens
        if self.config.resources.trace_file:
            self._trace(request, sum(output.num_tokens for output in outputs))
        return Result(outputs, prompt_tokens)

    def _trace(self, request: Request, num_tokens: int) -> None:
        with open(str(self.config.resources.trace_file), "a", encoding="utf-8") as stream:
            stream.write(f"{request.request_id} {num_tokens}\n")

    def _end(self, reason: str) -> None:
        if not self._end_reason:
            self._end_reason = reason
        self._down.set()

    def _meet_patterns(self, text: str) -> None:
        config = self.config
        if config.kill_pattern and config.kill_pattern in text:
            self._end("killed by a request")
            raise EngineDead(self._end_reason)
        if config.hang_pattern and config.hang_pattern in text:
            self._hung = True
        if config.fail_pattern and config.fail_pattern in text:
            raise RequestFailed("fail_pattern")

    async def _wait(self, num_tokens: int) -> None:
        """The time the longest output takes; without end while the engine hangs."""
        down = self._down
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(down.wait(), num_tokens * self.config.seconds_per_token)
        if self._hung:
            await down.wait()
        if down.is_set():
            raise EngineDead(self._end_reason or "started anew")

    def _answer(self, request: Request, text: str, room: int) -> list[Output]:
        who = f"{self.config.model}\n{request.adapter}\n{text}"
        digest = hashlib.blake2b(who.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        content = int.from_bytes(digest, "big")
        sampling = request.sampling
        seed = request.seed if sampling.temperature else 0
        step = 1 if sampling.temperature else 0
        outputs = []
        for i in range(sampling.n):
            number = mix((content ^ mix(seed + i * step)) & MASK)
            if request.label_tokens:
                outputs.append(self._grade(number, request))
            else:
                outputs.append(self._obey(number, request, room))
        return outputs

    def _talk(self, number: int, sampling: SamplingParams, room: int) -> Output:
        """Words, as many as drawn evenly from 1 to 2m - 1, whose mean is m."""
        num_tokens = 1 + (number >> 20) % (2 * self.config.tokens_per_response - 1)
        text = _PROSE.cut(number, min(num_tokens, room))
        if sampling.stop:
            cuts = [at for stop in sampling.stop if (at := text.find(stop)) >= 0]
            if cuts:
                text = text[: min(cuts)]
                return _build_output(number, text, False, sampling)
        if num_tokens > room:
            return Output(text, "length", room, _draw_logp(number, room, sampling))
        return Output(text, "stop", num_tokens, _draw_logp(number, num_tokens, sampling))

    def _obey(self, number: int, request: Request, room: int) -> Output:
        if request.constraint is None or self._is_garbage(number):
            return self._talk(number, request.sampling, room)
        candidates = list_candidates(request.constraint)
        text = candidates.texts[mix(number + 1) % len(candidates.texts)]
        biased = mix(number + 2) / _TWO_64 < self.config.position_bias
        if biased and candidates.presented is not None:
            text = candidates.presented
        words = text.split()
        if len(words) > room:
            return _build_output(number, " ".join(words[:room]), True, request.sampling)
        return _build_output(number, text, False, request.sampling)

    def _grade(self, number: int, request: Request) -> Output:
        """The likeliest label; logits are drawn evenly from 0 to 4."""
        labels = request.label_tokens
        if self._is_garbage(number):
            return _build_output(number, _PROSE.cut(number, 1), True, request.sampling)
        logits = [_MAX_LOGIT * mix(number + 2 + i) / _TWO_64 for i in range(len(labels))]
        if labels == _PLACES and mix(number + 1) / _TWO_64 < self.config.position_bias:
            logits[0] += _MAX_LOGIT
        log_total = math.log(sum(map(math.exp, logits)))
        logps = {label: x - log_total for label, x in zip(labels, logits, strict=True)}
        best = max(logps, key=logps.__getitem__)
        return Output(best, "length", 1, logps[best] if request.sampling.logprobs else None, logps)

    def _is_garbage(self, number: int) -> bool:
        return mix(number) / _TWO_64 < self.config.garbage_rate


def _build_output(number: int, text: str, is_cut: bool, sampling: SamplingParams) -> Output:
    num_tokens = len(text.split())
    logp = _draw_logp(number, num_tokens, sampling)
    return Output(text, "length" if is_cut else "stop", num_tokens, logp)


def _draw_logp(number: int, num_tokens: int, sampling: SamplingParams) -> float | None:
    """A log-probability of 1 to 2 nats per token, where it is asked for."""
    return -num_tokens * (1.0 + (number & 0xFFFF) / 65536) if sampling.logprobs else None
