"""What a DeepSpeed configuration says of the training itself: clipping, optimizer, learning rate.

transformers fills in `auto` from its arguments; with a number, or with a kind of optimizer or
scheduler, DeepSpeed's own is used in the place of what the arguments say. So kinds become
alignray's keys, and numbers that would be a second truth beside those keys are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.config.launch import Launch
from alignray.config.translation import locate
from alignray.errors import ConfigError

SECTIONS = ("gradient_clipping", "optimizer", "scheduler")
_OPTIMIZERS = {"adamw": "adamw_torch", "adam": "adamw_torch"}
_SCHEDULERS = {
    "warmuplr": "constant_with_warmup",
    "warmupdecaylr": "linear",
    "warmupcosinelr": "cosine",
}
_HARMLESS = {
    "torch_adam": (True, False),
    "adam_w_mode": (True,),
    "warmup_type": ("log", "linear"),
}
"""Parameters that may have these values besides `auto`."""


def read_clipping(launch: Launch, key: str, value: Any) -> None:
    """`gradient_clipping`: a number is `max_grad_norm`; 0 never clips, there as here."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        launch.settings.append((key, "max_grad_norm", value, ""))
    else:
        launch.ignored[key] = "max_grad_norm says it"


def read_optimizer(launch: Launch, content: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    """The `optimizer` section.

    Raises:
        ConfigError: another optimizer than Adam with decoupled decay, or parameters with values.
    """
    name = _read_kind(launch, content, lines, ("optimizer", _OPTIMIZERS))
    if name is not None:
        launch.settings.append(("optimizer", "optim", name, ""))


def read_scheduler(launch: Launch, content: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    """The `scheduler` section.

    Raises:
        ConfigError: a scheduler that is not offered, or parameters with values.
    """
    name = _read_kind(launch, content, lines, ("scheduler", _SCHEDULERS))
    if name is None:
        return
    params = content["scheduler"].get("params") or {}
    why = "" if params.get("warmup_type") == "linear" else "DeepSpeed's warm-up is logarithmic"
    launch.settings.append(("scheduler", "lr_scheduler_type", name, why))


def _read_kind(
    launch: Launch,
    content: Mapping[str, Any],
    lines: Mapping[str, int],
    kinds: tuple[str, Mapping[str, str]],
) -> str | None:
    """What the section's `type` is called here; None without a section that says one."""
    section, names = kinds
    given = content.get(section)
    if not isinstance(given, Mapping) or not given:
        launch.ignored[section] = "alignray's own keys say it"
        return None
    for name, value in (given.get("params") or {}).items():
        if value != "auto" and value not in _HARMLESS.get(name, ()):
            key = f"{section}.params.{name}"
            do = f"set it to auto, and say it in alignray's keys; or leave out `{section}`"
            raise ConfigError(locate(launch.path, lines, key), f"`{key}` is {value}", "auto", do)
    found = names.get(str(given.get("type")).lower())
    if found is None:
        key = f"{section}.type"
        kind, expected = given.get("type"), "AdamW" if section == "optimizer" else "WarmupDecayLR"
        do = f"leave out `{section}`: alignray's own keys say it"
        raise ConfigError(locate(launch.path, lines, key), f"`{key}` is {kind}", expected, do)
    return found
