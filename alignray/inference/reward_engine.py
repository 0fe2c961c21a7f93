"""A reward model as an engine: texts in a window, batches of like length, a number per text.

    request -> ids (reward_text.py) -> window -> batches (reward_batches.py) -> process -> Result

The batcher takes all texts that wait, cuts them into batches and works these off; what arrives
meanwhile is the next window. A reward is the model's logit, rounded nowhere (reference system 2
rounds to 4 digits). Its neighbours in a batch do not enter it; the batch's shape does by the order
of float32 sums, some 1e-6 of the rewards' range.

The engine dies with the process that holds the model (`reward_worker.py`); `stop` kills it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import RewardEngineConfig
from alignray.errors import AlignrayError, EngineError
from alignray.inference.engine import EngineDead, Output, Request, RequestRejected, Result
from alignray.inference.reward_batches import cut_batches
from alignray.inference.reward_model import RewardModelSettings
from alignray.inference.reward_process import RewardProcess
from alignray.inference.reward_text import RewardText, RewardTokenizer
from alignray.models import resolve_model

REWARD = "reward"
"""Name of the reward among the scores of an output."""


@dataclass(frozen=True)
class _Job:
    text: RewardText
    reward: asyncio.Future[float]


class RewardEngine:
    """See the module; a request's last message is the response that is scored.

    Attributes:
        batches: batches scored.
        real_tokens: tokens of the texts scored.
        padded_tokens: tokens computed for them.
    """

    def __init__(self, config: RewardEngineConfig) -> None:
        """Builds the engine, not yet started."""
        self._config = config
        self._process = RewardProcess()
        self._tokenizer: RewardTokenizer | None = None
        self._batcher: asyncio.Task[None] | None = None
        self._waiting: list[_Job] = []
        self._taken: list[_Job] = []
        self._arrival = asyncio.Event()
        self._end_reason = "not started"
        self.batches = self.real_tokens = self.padded_tokens = 0

    @property
    def max_sequences(self) -> int:
        """Texts of one window."""
        return self._config.resources.window

    def weigh(self, request: Request) -> int:
        """A request is one text."""
        return 1

    @property
    def progress(self) -> int:
        """Batches scored."""
        return self.batches

    @property
    def pid(self) -> int | None:
        """Id of the process that holds the model."""
        return self._process.pid

    async def start(self) -> None:
        """Loads tokenizer and model, and scores a first text.

        Raises:
            EngineError: they cannot be loaded, or the first reward is no number.
            EngineDead: the process ended while starting.
        """
        await self.stop()
        try:
            self._tokenizer = await asyncio.to_thread(RewardTokenizer, self._config)
        except AlignrayError as error:
            raise EngineError(error.where, error.found, error.expected, error.do) from error
        await self._process.start(_build_settings(self._config, self._tokenizer.pad_token_id))
        self._end_reason = ""
        self._batcher = asyncio.create_task(self._work())
        try:
            await self.generate(_FIRST_REQUEST)
        except RequestRejected as error:
            where = self._config.model_name_or_path
            raise EngineError(where, f"a first text ended with: {error.reason}") from error

    async def generate(self, request: Request) -> Result:
        """The reward of one response.

        Raises:
            RequestRejected: `prompt_too_long` (unless `truncate`), or `reward_not_finite`.
            EngineDead: not started, stopped, or the process ended.
        """
        if self._end_reason or self._tokenizer is None:
            raise EngineDead(self._end_reason)
        text = self._tokenizer.encode(request.messages)
        job = _Job(text, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrival.set()
        reward = await job.reward
        if not math.isfinite(reward):
            raise RequestRejected("reward_not_finite")
        return Result([Output("", "stop", 0, scores={REWARD: reward})], len(text.ids))

    async def stop(self) -> None:
        """Kills the process; requests in flight end with `EngineDead`."""
        batcher, self._batcher = self._batcher, None
        if batcher is not None:
            batcher.cancel()
        self._end("stopped")
        await self._process.kill()

    def _end(self, reason: str) -> None:
        self._end_reason = self._end_reason or reason
        jobs = [*self._taken, *self._waiting]
        self._taken, self._waiting = [], []
        for job in jobs:
            if not job.reward.done():
                job.reward.set_exception(EngineDead(self._end_reason))

    async def _work(self) -> None:
        """Window after window until the process ends."""
        try:
            while True:
                await self._arrival.wait()
                await self._gather()
                self._arrival.clear()
                self._taken, self._waiting = self._waiting, []
                await self._score_window(self._taken)
        except EngineDead as death:
            self._end(death.reason)
        finally:
            self._end("the batcher ended")

    async def _gather(self) -> None:
        """Lets requests that are on their way join the window, as long as any come."""
        seen = -1
        while seen < len(self._waiting) < self.max_sequences:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    async def _score_window(self, jobs: Sequence[_Job]) -> None:
        lengths = [len(job.text.ids) for job in jobs]
        for batch in cut_batches(lengths, self._config.resources.batch_tokens):
            chosen = [jobs[at] for at in batch if not jobs[at].reward.done()]
            if not chosen:
                continue  # their rows were cancelled
            rewards = await self._process.score([job.text for job in chosen])
            for job, reward in zip(chosen, rewards, strict=True):
                if not job.reward.done():
                    job.reward.set_result(reward)
            self.batches += 1
            self.real_tokens += sum(len(job.text.ids) for job in chosen)
            self.padded_tokens += len(chosen) * max(len(job.text.ids) for job in chosen)


def _build_settings(config: RewardEngineConfig, pad_token_id: int | None) -> RewardModelSettings:
    resources = config.resources
    return RewardModelSettings(
        model=resolve_model(config.model_name_or_path),
        revision=config.model_revision,
        dtype=config.dtype,
        label=config.label,
        max_length=config.max_length,
        batch_tokens=resources.batch_tokens,
        pad_token_id=pad_token_id,
        device="cuda" if resources.num_gpus else "cpu",
        num_threads=max(1, int(resources.num_cpus)),
    )


_FIRST_REQUEST = Request(
    "first",
    [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}],
    SamplingParams(max_tokens=1),
    seed=0,
)
