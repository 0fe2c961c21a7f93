"""What an engine is: one method, `generate(request) -> Result`, and four ways to end.

An engine answers (`Result`), says that this request cannot be answered (`RequestRejected`: the row
is at fault, the engine lives), fails for a passing reason (`RequestFailed`), or dies
(`EngineDead`: the request may or may not be the cause; `supervisor.py` finds out).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import AnyEngineConfig
from alignray.records import Message


@dataclass(frozen=True)
class Constraint:
    """What the whole output must be: exactly one of the three forms.

    A choice or regex leaves a weak model no way to waste tokens; a JSON grammar allows white space.
    """

    choice: tuple[str, ...] | None = None
    regex: str | None = None
    json_schema: dict[str, Any] | None = None


@dataclass(frozen=True)
class Request:
    """One call of an engine.

    Example: `Request("7c1e-0", [{"role": "user", "content": "Hi"}], SamplingParams(n=5), seed=7)`.
    """

    request_id: str
    messages: list[Message]
    sampling: SamplingParams
    seed: int
    """Seed of this request; response i uses seed + i."""
    adapter: str | None = None
    """Name of an adapter in the engine's configuration; the base model by default."""
    constraint: Constraint | None = None
    label_tokens: tuple[str, ...] = ()
    """Labels whose log-probabilities as the *first* token are wanted, each a single token; the
    output is then restricted to them."""


@dataclass(frozen=True)
class Output:
    """One response. `label_logps` maps each label of the request to its log-probability (nats)."""

    text: str
    finish_reason: Literal["stop", "length"]
    num_tokens: int
    logp: float | None = None
    """Sum of the token log-probabilities, where the engine gives it."""
    label_logps: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    """Named numbers of an engine that writes no text, each finite: `{"reward": -1.8}`."""


@dataclass(frozen=True)
class Result:
    """The n outputs of one request, and what they cost."""

    outputs: list[Output]
    prompt_tokens: int
    cached_tokens: int = 0
    rejected: str = ""
    """Why there are no outputs, where a row's other requests were answered."""


class RequestRejected(Exception):
    """The request cannot be answered whatever is tried (e.g. too long): the row is unscored."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RequestFailed(Exception):
    """The engine could not answer after its own tries; the row failed, the engine lives."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EngineDead(Exception):
    """The engine is gone, or hangs, and must be started anew."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Engine(Protocol):
    """An engine of one actor. All methods run on one event loop."""

    @property
    def max_sequences(self) -> int:
        """Sequences (or requests, see `weigh`) worth having in flight; more would only queue."""

    def weigh(self, request: Request) -> int:
        """How many of `max_sequences` a request takes."""

    @property
    def progress(self) -> int:
        """A counter that grows while the engine gets anything done."""

    async def start(self) -> None:
        """Starts the engine and proves with a first request that it answers.

        Raises:
            EngineError: it cannot start; trying again would not help.
            EngineDead: it died while starting.
        """

    async def generate(self, request: Request) -> Result:
        """Answers one request.

        Raises:
            RequestRejected: the request cannot be answered.
            RequestFailed: it could not be answered this time.
            EngineDead: the engine is gone.
        """

    async def stop(self) -> None:
        """Ends the engine and its processes, hung or not. May be called twice."""


def build_engine(config: AnyEngineConfig) -> Engine:
    """The engine that a configuration describes, not yet started."""
    if config.type == "vllm":
        from alignray.inference.vllm_engine import VLLMEngine

        return VLLMEngine(config)
    if config.type == "openai":
        from alignray.inference.openai_engine import OpenAIEngine

        return OpenAIEngine(config)
    if config.type == "reward":
        from alignray.inference.reward_engine import RewardEngine

        return RewardEngine(config)
    if config.type == "moderation":
        from alignray.inference.moderation_engine import ModerationEngine

        return ModerationEngine(config)
    from alignray.inference.fake_engine import FakeEngine

    return FakeEngine(config)


def get_model_label(config: AnyEngineConfig, adapter: str | None = None) -> str:
    """How rows name the model that answered: `model`, or `model:adapter`."""
    if config.type == "vllm" or config.type == "reward":
        name = config.model_name_or_path
    else:
        name = config.model
    base = name.rstrip("/").rsplit("/", 1)[-1]
    return base if adapter is None else f"{base}:{adapter}"


def serialize_sampling(sampling: SamplingParams) -> str:
    """The sampling parameters as JSON in a fixed order, for rows and keys."""
    return json.dumps(sampling.model_dump(mode="json"), sort_keys=True)
