"""Named tensors of a checkpoint -> a folder that stock PEFT or transformers opens.

Full weights are put into the model that a config.json describes, so a missing or an extra tensor is
found before anything is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.config.export import ExportConfig
from alignray.errors import ModelError
from alignray.fusion.adapter import PREFIX, Adapter, read_adapter_config, write_adapter
from alignray.models import ADAPTER_CONFIG, resolve_model

if TYPE_CHECKING:
    from torch import Tensor

TOKENIZER_CONFIG = "tokenizer_config.json"
_TOKENIZER_FILES = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "chat_template*", "*.model",
)  # fmt: skip
# Buffers that older versions of models kept in their weights; they are computed.
_OLD_BUFFERS = (".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias")


def select_adapter(weights: Mapping[str, Tensor], name: str = "default") -> dict[str, Tensor]:
    """The tensors of one adapter, under the names of PEFT's files.

    In memory PEFT has `X.lora_A.<adapter>.weight`, `X.modules_to_save.<adapter>.weight` and the
    base's own weights; files have `X.lora_A.weight` and `X.weight`.
    """
    if not any(f".{name}." in key or key.endswith(f".{name}") for key in weights):
        return dict(weights)
    selected = {}
    for key, tensor in weights.items():
        for mark in (".lora_A", ".lora_B", ".lora_embedding_A", ".lora_embedding_B"):
            if f"{mark}.{name}" in key:
                selected[key.replace(f"{mark}.{name}", mark)] = tensor
        if f".modules_to_save.{name}." in key:
            selected[key.replace(f".modules_to_save.{name}", "")] = tensor
    return selected


def write_adapter_folder(
    weights: Mapping[str, Tensor], config: ExportConfig, places: Iterable[Path], target: Path
) -> str:
    """Writes an adapter in PEFT's layout; returns the name of its base."""
    home = next((place for place in places if (place / ADAPTER_CONFIG).is_file()), None)
    if home is None:
        do = f"put the {ADAPTER_CONFIG} of the training beside the checkpoint"
        raise ModelError(config.source, f"an adapter without {ADAPTER_CONFIG}", "both", do)
    settings = read_adapter_config(home)
    tensors = select_adapter(weights)
    ranks = {t.shape[0] for name, t in tensors.items() if name.endswith(".lora_A.weight")}
    if settings.get("r") not in ranks and not settings.get("rank_pattern"):
        found = f"r={settings.get('r')}, but the checkpoint's rank is {min(ranks, default=0)}"
        raise ModelError(str(home / ADAPTER_CONFIG), found, "the same")
    if not all(name.startswith(PREFIX) for name in tensors):
        raise ModelError(config.source, f"a tensor {min(tensors)}", f"names that begin {PREFIX}")
    base = settings.get("base_model_name_or_path") or ""
    if config.base is not None:
        base = settings["base_model_name_or_path"] = resolve_model(config.base)
    write_adapter(Adapter({**settings, "inference_mode": True}, tensors), target)
    _copy_tokenizer([home, *places, *([Path(base)] if base else [])], base, target)
    return str(base)


def write_full_folder(
    weights: Mapping[str, Tensor], config: ExportConfig, places: Iterable[Path], target: Path
) -> str:
    """Writes all weights with their config; returns the name of the model that gave it."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    given = None if config.base is None else Path(resolve_model(config.base))
    homes = [*places] if given is None else [given]
    home = next((place for place in homes if (place / "config.json").is_file()), given)
    if home is None:
        do = "give base=MODEL: the model it was trained from"
        raise ModelError(config.source, "no config.json beside the weights", "one", do)
    settings = AutoConfig.from_pretrained(str(home))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings)
    _fill(model, weights, ModelError(config.source, "", f"the weights of {home}", "give its base"))
    model.save_pretrained(target)
    _copy_file(home / "generation_config.json", target)
    _copy_tokenizer([*places, home], str(home), target)
    return str(config.base or home)


def _fill(model: Any, weights: Mapping[str, Tensor], error: ModelError) -> None:
    """Puts weights into a model without any, all and no others.

    Raises:
        ModelError: `error`, with what does not fit.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    extra = [n for n in weights if n not in shapes and not n.endswith(_OLD_BUFFERS)]
    wrong = [n for n, t in weights.items() if shapes.get(n, tuple(t.shape)) != tuple(t.shape)]
    fitting = {name: weights[name] for name in shapes if name in weights and name not in wrong}
    model.load_state_dict(fitting, strict=False, assign=True)
    model.tie_weights()
    missing = [n for n, t in model.named_parameters() if t.is_meta and n not in wrong]
    if not (extra or wrong or missing):
        return
    if wrong:
        shape, wanted = weights[wrong[0]].shape, shapes[wrong[0]]
        found = f"{wrong[0]} is {' x '.join(map(str, shape))}, not {' x '.join(map(str, wanted))}"
    else:
        found = f"no {missing[0]}" if missing else f"{extra[0]}, which the model does not have"
    counts = f"{len(missing)} missing, {len(extra)} too many, {len(wrong)} of another shape"
    raise ModelError(error.where, f"{found} ({counts})", error.expected, error.do)


def _copy_tokenizer(places: Iterable[Path], name: str, target: Path) -> None:
    """The tokenizer with its template, from the nearest place that has one, else by name."""
    home = next((place for place in places if (place / TOKENIZER_CONFIG).is_file()), None)
    if home is not None:
        for pattern in _TOKENIZER_FILES:
            for file in sorted(home.glob(pattern)):
                _copy_file(file, target)
        return
    from transformers import AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(name).save_pretrained(target)
    except (OSError, ValueError) as error:
        do = "give base=MODEL"
        raise ModelError(name, "no tokenizer beside the weights", "one", do) from error


def _copy_file(file: Path, target: Path) -> None:
    copy: Callable[[Path, Path], Any] = shutil.copytree if file.is_dir() else shutil.copyfile
    if file.exists():
        copy(file, target / file.name)
