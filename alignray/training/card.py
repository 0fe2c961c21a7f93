"""The model card of a trained model: README.md with YAML front matter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alignray.config.training import TrainingConfig

_SHOWN_METRICS = {
    "loss": "last training loss",
    "eval_loss": "loss on eval_dataset",
    "rewards/accuracies": "pairs with the chosen response rewarded more",
    "rewards/margins": "mean reward margin",
    "tokens": "tokens trained on",
    "steps": "optimizer steps",
}


def build_model_card(
    config: TrainingConfig, verb: str, title: str, metrics: Mapping[str, Any]
) -> str:
    """The card's text: what was trained, from what, how, and how it went.

    It states no quality: the losses say how well the data was fitted, not how safe the model is.
    """
    front = {
        "base_model": config.model_name_or_path,
        "library_name": "peft" if config.use_peft else "transformers",
        "pipeline_tag": "text-generation",
        "datasets": [_name_dataset(config)],
        "tags": ["alignray", "trl", verb, *(["lora"] if config.use_peft else [])],
    }
    name = Path(config.output_dir).name
    rows = [
        f"| {text} | {_format(metrics[key])} |"
        for key, text in _SHOWN_METRICS.items()
        if metrics.get(key) is not None
    ]
    settings = [f"| {key} | {value} |" for key, value in _flatten_settings(config).items()]
    kind = "LoRA adapter" if config.use_peft else "Full weights"
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).rstrip(),
            "---",
            "",
            f"# {name}",
            "",
            f"{title} of `{config.model_name_or_path}` on `{_name_dataset(config)}`. {kind}.",
            "The numbers below say how the data was fitted, not how safe or useful the model is.",
            "",
            "| result | value |",
            "|---|---|",
            *rows,
            "",
            "| setting | value |",
            "|---|---|",
            *settings,
            "",
        ]
    )


def _name_dataset(config: TrainingConfig) -> str:
    return str(getattr(config, "dataset", ""))


def _flatten_settings(config: TrainingConfig) -> dict[str, Any]:
    hidden = {"model_name_or_path", "dataset", "output_dir", "resources"}
    values = config.model_dump(mode="json")
    if not config.use_peft:
        hidden |= {name for name in values if name.startswith("lora_")}
    return {name: value for name, value in values.items() if name not in hidden}


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
