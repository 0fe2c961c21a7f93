"""Which engine answers for which model: adapters of one base share one engine.

One engine for base and adapters costs one start (20 to 40 s on a CPU, minutes on a large model) in
place of one each, and all models then meet the very same arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.config.evaluation import EvalConfig
from alignray.config.inference import EngineConfig, VLLMEngineConfig
from alignray.durable import read_json
from alignray.errors import AlignrayError, ConfigError, ModelError
from alignray.models import ADAPTER_CONFIG, compute_model_identity, is_adapter, resolve_model

_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as max_lora_rank."""


@dataclass(frozen=True)
class EngineGroup:
    """One engine and the models that it answers for: name -> adapter, None for the engine's own.

    Example: `EngineGroup("shared", engine, {"base": None, "sft": "sft", "dpo": "dpo"})`.
    """

    name: str
    engine: EngineConfig
    models: dict[str, str | None]


def plan_engines(config: EvalConfig) -> list[EngineGroup]:
    """The engines of an evaluation, the shared one first.

    Raises:
        ConfigError: the engine cannot serve a model.
        ModelError: an adapter is missing, or belongs to another base.
    """
    adapters, full, own = _split_models(config)
    shared = {
        name: name if path is not None else None
        for name, path in config.models.items()
        if path is None or name in adapters
    }
    groups = []
    if shared:
        base = _require_engine(config, next(iter(shared)))
        groups.append(EngineGroup("shared", _add_adapters(base, adapters), shared))
    for name, path in full.items():
        engine = _replace_model(_require_engine(config, name), path)
        groups.append(EngineGroup(f"full-{name}", engine, {name: None}))
    groups += [EngineGroup(f"own-{name}", engine, {name: None}) for name, engine in own.items()]
    return groups


def _split_models(
    config: EvalConfig,
) -> tuple[dict[str, str], dict[str, str], dict[str, EngineConfig]]:
    """(adapters, full models: name -> path, models with an engine of their own)."""
    adapters: dict[str, str] = {}
    full: dict[str, str] = {}
    own: dict[str, EngineConfig] = {}
    for name, model in config.models.items():
        if isinstance(model, str):
            (adapters if is_adapter(resolve_model(model)) else full)[name] = model
        elif model is not None:
            own[name] = model
    return adapters, full, own


def _require_engine(config: EvalConfig, name: str) -> EngineConfig:
    """The engine that models without one of their own share.

    Raises:
        ConfigError: there is none, or it is an endpoint, which loads no directories.
    """
    engine, path = config.engine, config.models[name]
    if engine is None:
        raise ConfigError("engine", "none", f"the engine that loads models.{name}")
    if engine.type == "openai" and path is not None:
        raise ConfigError(
            f"models.{name}",
            "a model directory",
            "none, as engine.type is openai",
            f"name its endpoint: models.{name}={{type: openai, model: NAME, base_url: URL}}",
        )
    return engine


def _add_adapters(engine: EngineConfig, adapters: dict[str, str]) -> EngineConfig:
    if not adapters or engine.type != "vllm":
        return engine
    for name, path in adapters.items():
        _check_base(name, path, engine)
    rank = max(engine.max_lora_rank, *(_read_rank(path) for path in adapters.values()))
    served = next((known for known in _LORA_RANKS if known >= rank), rank)
    return engine.model_copy(
        update={"adapters": {**engine.adapters, **adapters}, "max_lora_rank": served}
    )


def _replace_model(engine: EngineConfig, path: str) -> EngineConfig:
    if engine.type == "vllm":
        return engine.model_copy(
            update={"model_name_or_path": path, "model_revision": "main", "adapters": {}}
        )
    return engine.model_copy(update={"model": path})


def _check_base(name: str, path: str, engine: VLLMEngineConfig) -> None:
    """An adapter on another base gives fluent nonsense, not an error: so it is checked here."""
    trained_on = _read_adapter_config(path).get("base_model_name_or_path")
    if not trained_on or trained_on == engine.model_name_or_path:
        return
    try:
        theirs = compute_model_identity(str(trained_on))
    except AlignrayError:
        return  # moved or renamed since: nothing to compare with
    if theirs != compute_model_identity(engine.model_name_or_path, engine.model_revision):
        raise ModelError(
            f"models.{name}",
            f"an adapter of {trained_on}",
            f"one of {engine.model_name_or_path}",
            "merge it into its base and evaluate that as a full model",
        )


def _read_rank(path: str) -> int:
    config = _read_adapter_config(path)
    ranks = [config.get("r", 1), *(config.get("rank_pattern") or {}).values()]
    return max(int(rank) for rank in ranks)


def _read_adapter_config(path: str) -> dict[str, Any]:
    return read_json(Path(resolve_model(path)) / ADAPTER_CONFIG)
