"""The model card of a trained model: README.md with YAML front matter that the hub accepts.

`base_model` and `datasets` hold names of the hub alone: it refuses a card that names anything
else. Where the base is a directory, its own card may say which model it comes from, and under which
licence. The licence stays `other` otherwise: it is for whoever publishes the model to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import alignray
from alignray.config.training import TrainingConfig
from alignray.models import is_hub_id, resolve_model
from alignray.sources.hub import parse_hub_name
from alignray.training.adapters.stack import merges_first, writes_adapter

CARD_NAME = "README.md"
_SHOWN_METRICS = {
    "loss": "training loss",
    "eval_loss": "loss on eval_dataset",
    "eval_perplexity": "perplexity on eval_dataset",
    "eval_rewards/accuracies": "pairs of eval_dataset with the chosen response rewarded more",
    "eval_rewards/margins": "mean reward margin on eval_dataset",
    "rewards/accuracies": "pairs with the chosen response rewarded more",
    "rewards/margins": "mean reward margin",
    "tokens": "tokens trained on",
    "steps": "optimizer steps",
    "result_step": "step of these weights",
}
_OF_LAST_POINT = ("rewards/accuracies", "rewards/margins")
_HIDDEN_SETTINGS = ("model_name_or_path", "dataset", "output_dir", "resources")


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from, beside its settings."""

    fingerprint: str = ""
    """The stage's: a hash of settings and contents of inputs."""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Dotted field -> {"name", "identity"}, as in record.json."""
    template_digest: str = ""
    """Hash of the chat template and its control tokens."""
    strategy: str = ""
    """How workers shared the model."""


def build_model_card(
    config: TrainingConfig,
    verb: str,
    title: str,
    metrics: Mapping[str, Any],
    lineage: Lineage | None = None,
) -> str:
    """The card's text: what was trained, from what, how, and how it went.

    Each measurement names its steps. The card states no quality: the losses say how well the data
    was fitted, not how safe the model is.
    """
    adapts = writes_adapter(config)
    tags = ["alignray", "trl", verb, *(["lora"] if config.use_peft else [])]
    front = build_front_matter(config.model_name_or_path, adapts, tags)
    hub_sets = list(dict.fromkeys(filter(None, map(name_on_hub, _list_datasets(config)))))
    if hub_sets:
        front["datasets"] = hub_sets
    results = {
        f"{text}{_name_steps(metrics, key)}": _format(value)
        for key, text in _SHOWN_METRICS.items()
        if (value := metrics.get(key)) is not None
    }
    names = " + ".join(f"`{name}`" for name in _list_datasets(config))
    kind = "LoRA adapter" if adapts else "Full weights"
    return render_card(
        front,
        Path(config.output_dir).name,
        [
            f"{title} of `{config.model_name_or_path}` on {names}. {kind}.",
            "The numbers below say how the data was fitted, not how safe or useful the model is.",
        ],
        {
            "result": results,
            "lineage": _describe_lineage(config, lineage or Lineage()),
            "setting": _flatten_settings(config),
        },
    )


def build_front_matter(base: str, adapts: bool, tags: list[str]) -> dict[str, Any]:
    """The YAML at the top of a card, of an adapter or of all weights trained from a base.

    An empty `base` is one that is not at hand.
    """
    known = read_card(base) if base else {}
    above = base if base and _is_on_hub(base) else known.get("base_model")
    front: dict[str, Any] = {}
    if isinstance(above, str) and is_hub_id(above):
        front["base_model"] = above
        front["base_model_relation"] = "adapter" if adapts else "finetune"
    front["library_name"] = "peft" if adapts else "transformers"
    front["pipeline_tag"] = "text-generation"
    front["license"] = str(known.get("license") or "other")
    for name in ("license_name", "license_link"):
        if known.get(name):
            front[name] = str(known[name])
    front["tags"] = tags
    return front


def render_card(
    front: Mapping[str, Any],
    name: str,
    lines: list[str],
    tables: Mapping[str, Mapping[str, Any]],
) -> str:
    """A card as text: front matter, a heading, lines, and a table per title."""
    parts = ["---", yaml.safe_dump(dict(front), sort_keys=False).rstrip(), "---", "", f"# {name}"]
    parts += ["", *lines]
    for title, rows in tables.items():
        if rows:
            cells = [f"| {key} | {_escape(value)} |" for key, value in rows.items()]
            parts += ["", f"| {title} | value |", "|---|---|", *cells]
    return "\n".join([*parts, ""])


def read_card(model: str) -> dict[str, Any]:
    """The front matter of a model's own card, where it is at hand; else empty."""
    path = Path(resolve_model(model)) / CARD_NAME
    if _is_on_hub(model):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(model, CARD_NAME)
        path = Path(cached) if isinstance(cached, str) else path
    if not path.is_file():
        return {}
    _, _, rest = path.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        front = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError:
        return {}  # someone else's card: it says nothing that we can read
    return front if isinstance(front, dict) else {}


def name_on_hub(dataset: str) -> str | None:
    """The hub's name of a data set; None for files and built-in sources."""
    parsed = parse_hub_name(dataset)
    path = Path(dataset.rpartition(":")[0] or dataset).expanduser()
    if parsed is None or Path(dataset).expanduser().exists() or path.exists() or path.suffix:
        return None
    return parsed.repository


def _is_on_hub(model: str) -> bool:
    return not Path(resolve_model(model)).is_dir()


def _list_datasets(config: TrainingConfig) -> list[str]:
    return [part.dataset for part in config.list_datasets()]


def _describe_lineage(config: TrainingConfig, lineage: Lineage) -> dict[str, str]:
    rows = {"base": config.model_name_or_path}
    if config.adapter_name_or_path is not None:
        done = f"{config.adapter_mode}, merged first" if merges_first(config) else "continue"
        rows["adapter built on"] = f"{config.adapter_name_or_path} ({done})"
    for name, entry in lineage.inputs.items():
        rows[f"{name} (content)"] = f"{entry['name']} ({entry['identity']})"
    rows |= {
        "chat template (digest)": lineage.template_digest,
        "seed": str(config.seed),
        "workers": f"{config.resources.num_workers}",
        "strategy": lineage.strategy or config.resources.strategy,
        "code version": f"alignray {alignray.__version__}",
        "fingerprint": lineage.fingerprint,
    }
    return {name: text for name, text in rows.items() if text}


def _name_steps(metrics: Mapping[str, Any], key: str) -> str:
    """Which steps a number is of: those of the best weights may be long before the last."""
    if key.startswith("eval_"):
        return f" (step {metrics['eval_step']})"
    if key == "loss":
        first, last = metrics["loss_steps"]
        return f" (mean of steps {first} to {last})"
    if key in _OF_LAST_POINT:
        points = [0, *(point["step"] for point in metrics["curve"])]
        return f" (mean of steps {points[-2] + 1} to {points[-1]})"
    return ""


def _flatten_settings(config: TrainingConfig) -> dict[str, Any]:
    values = config.model_dump(mode="json")
    hidden = set(_HIDDEN_SETTINGS)
    if not config.use_peft:
        hidden |= {name for name in values if name.startswith("lora_")}
    return {name: value for name, value in values.items() if name not in hidden}


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _escape(value: Any) -> str:
    """One table cell: no line breaks, no column borders."""
    return " ".join(str(value).split()).replace("|", "\\|")
