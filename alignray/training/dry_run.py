"""What `--dry-run` makes sure of: what a run would, but for what is on the hub or in the cluster.

Needs no Ray and no weights, and writes nothing. Models and data sets on the hub are not fetched, so
what depends on them is left to the run; the GPUs of the cluster are as well.
"""

from __future__ import annotations

from pathlib import Path

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.config.training import TrainingConfig
from alignray.models import resolve_model
from alignray.sources import SourceAudit, needs_hub
from alignray.training.adapters.fit import check_adapter
from alignray.training.dpo import DPOMethod
from alignray.training.method import Method
from alignray.training.outputs.hub import check_hub
from alignray.training.preparation import check_settings, prepare_rows
from alignray.training.quantization import check_quantization
from alignray.training.sft import SFTMethod
from alignray.training.watch.observers import check_reporters


def check_sft(config: SFTStageConfig) -> list[str]:
    """As `check_training`."""
    return check_training(config, SFTMethod(config))


def check_dpo(config: DPOStageConfig) -> list[str]:
    """As `check_training`."""
    return check_training(config, DPOMethod(config))


def check_training(config: TrainingConfig, method: Method) -> list[str]:
    """Makes sure that a training would start.

    Returns:
        Names of models and data sets on the hub, which were not looked into.

    Raises:
        AlignrayError: what the run would end with.
    """
    models = [config.model_name_or_path, config.tokenizer_name_or_path, config.adapter_name_or_path]
    far_models = [name for name in models if name is not None and not _is_here(name)]
    data = [part.dataset for part in config.list_datasets()]
    data += [] if config.eval_dataset is None else [config.eval_dataset]
    far_data = [name for name in data if needs_hub(name)]
    if far_models:
        _check_without_models(config)
    else:
        check_settings(config)
    if not (far_models or far_data):
        prepare_rows(config, method, probing=True)
    for name in data if far_models or far_data else []:
        if name not in far_data:
            next(iter(method.load_rows(name, SourceAudit())), None)
    return [*far_models, *far_data]


def _check_without_models(config: TrainingConfig) -> None:
    """What can be told before a model is fetched: all settings, and an adapter that is here."""
    if config.adapter_name_or_path is not None and _is_here(config.adapter_name_or_path):
        check_adapter(config)
    check_quantization(config)
    check_hub(config)
    check_reporters(config)


def _is_here(model: str) -> bool:
    return Path(resolve_model(model)).is_dir()
