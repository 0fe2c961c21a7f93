"""What an engine *is*, for keys: the model and its revision, never where or how fast it runs."""

from __future__ import annotations

from typing import Any

from alignray.chat import ENCODING_VERSION
from alignray.config.judge_engines import AnyEngineConfig
from alignray.inference.reward_text import TEXT_VERSION
from alignray.models import compute_model_identity


def describe_engine(config: AnyEngineConfig, adapter: str | None = None) -> dict[str, Any]:
    """The parts of an engine that decide its answers, as JSON-ready values.

    A local model counts by the content of its files, tokenizer and chat template among them.

    Raises:
        ModelError: the model or adapter is missing.
    """
    identity = config.identity()
    identity.pop("adapters", None)
    if config.type == "vllm":
        identity["encoding_version"] = ENCODING_VERSION
        identity["model"] = compute_model_identity(config.model_name_or_path, config.model_revision)
        if adapter is not None:
            identity["adapter"] = compute_model_identity(config.adapters[adapter])
    if config.type == "reward":
        identity["encoding_version"] = f"{ENCODING_VERSION}.{TEXT_VERSION}"
        identity["model"] = compute_model_identity(config.model_name_or_path, config.model_revision)
    return identity
