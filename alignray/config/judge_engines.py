"""Engines that give numbers and no text: reward models and moderation endpoints."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from alignray.config.base import Config, ModelPath, Where
from alignray.config.inference import (
    FakeEngineConfig,
    OpenAIEngineConfig,
    OpenAIResources,
    VLLMEngineConfig,
)


class RewardResources(Where):
    """Where a reward model runs, and how its batches are cut."""

    num_cpus: float = Field(default=1, gt=0, le=64)
    """CPUs that Ray reserves for one actor."""
    num_gpus: float = Field(default=0, ge=0, le=8)
    """GPUs that Ray reserves for one actor."""
    batch_tokens: int = Field(default=8192, ge=1)
    """Padded tokens per batch."""
    window: int = Field(default=1024, ge=1, le=65536)
    """Texts in flight, out of which batches of like length are cut."""


class RewardEngineConfig(Config):
    """A sequence classifier that scores prompt and response, as reward and cost models do."""

    type: Literal["reward"] = "reward"
    """Always `reward`."""
    model_name_or_path: ModelPath
    """Directory or hub id, e.g. OpenAssistant/reward-model-deberta-v3-large-v2."""
    model_revision: str = "main"
    """Branch, tag or commit on the hub."""
    form: Literal["pair", "chat", "hh"] = "pair"
    """How the texts are put: `pair`: (prompt, response) as the tokenizer joins two texts; `chat`:
    the model's chat template; `hh`: Human and Assistant turns in one text."""
    label: str | None = None
    """Which logit is the reward, by its name in `id2label` or its number; needed where the model
    has several."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Precision of the weights."""
    max_length: int = Field(default=512, ge=8)
    """Tokens of prompt and response; what is longer is unscored, never cut in silence."""
    truncate: bool = False
    """Cut what is longer instead (from the end, as reference system 2 does)."""
    resources: RewardResources = RewardResources()


class ModerationEngineConfig(Config):
    """Any server that speaks OpenAI's moderations API."""

    type: Literal["moderation"] = "moderation"
    """Always `moderation`."""
    model: str = "omni-moderation-latest"
    """Model name that the server knows."""
    base_url: str | None = None
    """Endpoint; `$OPENAI_BASE_URL` or OpenAI's own by default."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never configured."""
    form: Literal["response", "dialogue"] = "response"
    """What is sent: `response`: the answer alone; `dialogue`: the prompt before it, each turn with
    its role."""
    allow_private: bool = False
    """Allow an endpoint on a private or link-local address; loopback is always allowed."""
    resources: OpenAIResources = OpenAIResources()

    def identity(self) -> dict[str, Any]:
        """As `Config.identity`, without where the model is served: a server may move."""
        moved = ("base_url", "api_key_env", "allow_private")
        return {name: value for name, value in super().identity().items() if name not in moved}


AnyEngineConfig = Annotated[
    VLLMEngineConfig
    | OpenAIEngineConfig
    | FakeEngineConfig
    | RewardEngineConfig
    | ModerationEngineConfig,
    Field(discriminator="type"),
]
"""Whatever can answer a row task's requests."""
