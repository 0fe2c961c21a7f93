"""A launch file of accelerate, or a DeepSpeed configuration -> workers and sharding.

accelerate's `num_processes` (over all machines) are Ray workers; DeepSpeed's ZeRO stage, FSDP or
plain data parallelism are `resources.strategy`. Everything else in such a file says how processes
find each other, which Ray does by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.config import deepspeed_sections as sections
from alignray.config.launch import Launch
from alignray.config.translation import build_unknown_key, explain_all, locate
from alignray.errors import ConfigError

_PLACEMENT = "Ray places workers and connects them"
_SPEED = "changes speed or memory, not the result"
_WRITING = "the finished model is always written whole"

_MARKS = ("distributed_type", "deepspeed_config", "fsdp_config", "compute_environment")
_READ = ("distributed_type", "num_processes", "mixed_precision", "use_cpu")
_SECTIONS = ("deepspeed_config", "fsdp_config")
_IGNORED = {
    **explain_all(
        _PLACEMENT,
        "compute_environment machine_rank num_machines gpu_ids main_process_ip main_process_port"
        " rdzv_backend same_network main_training_function mpirun_config command_file commands",
    ),
    **explain_all(_SPEED, "debug enable_cpu_affinity dynamo_config dynamo_backend"),
    **explain_all(
        "for TPUs",
        "downcast_bf16 tpu_name tpu_zone tpu_use_cluster tpu_use_sudo tpu_vm tpu_env",
    ),
    **explain_all("off", "fp8_config megatron_lm_config parallelism_config"),
}
_DEEPSPEED = {
    "deepspeed_multinode_launcher": _PLACEMENT,
    "deepspeed_hostfile": _PLACEMENT,
    "deepspeed_inclusion_filter": _PLACEMENT,
    "deepspeed_exclusion_filter": _PLACEMENT,
    "deepspeed_moe_layer_cls_names": _SPEED,
    "zero3_init_flag": "the weights are sharded while they are loaded where ZeRO-3 needs it",
    "zero3_save_16bit_model": _WRITING,
    "gradient_accumulation_steps": "follows from train_batch_size",
    "offload_optimizer_nvme_path": "nothing is offloaded to disks",
    "offload_param_nvme_path": "nothing is offloaded to disks",
}
_DEEPSPEED_READ = (
    "zero_stage",
    "offload_optimizer_device",
    "offload_param_device",
    "gradient_clipping",
)
_FSDP = {
    "fsdp_auto_wrap_policy": "every transformer layer is wrapped",
    "fsdp_transformer_layer_cls_to_wrap": "every transformer layer is wrapped",
    "fsdp_min_num_params": "every transformer layer is wrapped",
    "fsdp_state_dict_type": _WRITING,
    "fsdp_activation_checkpointing": "gradient_checkpointing says it",
    "fsdp_version": "version 2 is used",
    **explain_all(
        _SPEED,
        "fsdp_backward_prefetch fsdp_cpu_ram_efficient_loading fsdp_forward_prefetch"
        " fsdp_sync_module_states fsdp_use_orig_params fsdp_activation_checkpointing_offload",
    ),
}
_FSDP_READ = ("fsdp_sharding_strategy", "fsdp_reshard_after_forward", "fsdp_offload_params")
_REPLICATED = ("NO", "MULTI_GPU", "MULTI_CPU", "MULTI_NPU", "MULTI_XPU", "MULTI_HPU")
_SHARDING = {
    "FULL_SHARD": ("fsdp", ""),
    "1": ("fsdp", ""),
    "HYBRID_SHARD": ("fsdp", "sharded over all workers, not per machine"),
    "4": ("fsdp", "sharded over all workers, not per machine"),
    "SHARD_GRAD_OP": ("zero2", "ZeRO-2 shards the same: gradients and optimizer states"),
    "2": ("zero2", "ZeRO-2 shards the same: gradients and optimizer states"),
    "NO_SHARD": ("replicated", ""),
    "3": ("replicated", ""),
}
_STAGES = ("replicated", "zero1", "zero2", "zero3")


def parse_launch(content: Mapping[str, Any], lines: Mapping[str, int], path: str) -> Launch:
    """Reads an accelerate launch file or a DeepSpeed configuration.

    Raises:
        ConfigError: a file of another kind, an unknown key, or a value that says nothing here.
    """
    launch = Launch(path)
    if isinstance(content.get("zero_optimization"), Mapping):
        _parse_deepspeed(launch, content, lines)
    elif any(key in content for key in _MARKS):
        _parse_accelerate(launch, content, lines)
    else:
        keys = ", ".join(f"`{key}`" for key in list(content)[:3]) or "none"
        raise ConfigError(
            path,
            f"neither a launch file of accelerate nor a DeepSpeed configuration (keys: {keys})",
            "`distributed_type` or `zero_optimization` in it",
            "a recipe goes to --config",
        )
    return launch


def _parse_accelerate(launch: Launch, content: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    known = [*_READ, *_SECTIONS, *_IGNORED]
    for key, value in content.items():
        if key not in known:
            where = locate(launch.path, lines, key)
            raise build_unknown_key(where, key, known, "accelerate's launch files")
        if key in ("fp8_config", "megatron_lm_config", "parallelism_config") and value:
            raise _refuse(launch, lines, key, "given", "no such section")
        if key in _IGNORED:
            launch.ignored[key] = _IGNORED[key]
    processes = content.get("num_processes")
    if processes is not None and processes != -1:
        launch.num_workers = processes
    elif "num_processes" in content:
        launch.ignored["num_processes"] = "no number; resources.num_workers says it"
    launch.mixed_precision = str(content.get("mixed_precision") or "no").lower()
    launch.use_cpu = content.get("use_cpu") is True
    if "use_cpu" in content:
        launch.ignored["use_cpu"] = "said with resources.num_gpus"
    given = content.get("distributed_type")
    default = next((s.partition("_")[0] for s in _SECTIONS if content.get(s)), "NO")
    kind = str(given or default).upper()
    if given is not None and kind not in _REPLICATED:
        launch.ignored["distributed_type"] = f"said with the keys of {kind.lower()}_config"
    if kind == "DEEPSPEED":
        section = _get_section(launch, content, lines, "deepspeed_config")
        _parse_deepspeed_section(launch, section, lines)
    elif kind == "FSDP":
        section = _get_section(launch, content, lines, "fsdp_config")
        _parse_fsdp_section(launch, section, lines)
    elif kind in _REPLICATED:
        launch.strategy = ("distributed_type", "replicated", "every worker holds the model")
    else:
        expected = f"one of DEEPSPEED, FSDP, {', '.join(_REPLICATED)}"
        raise _refuse(launch, lines, "distributed_type", kind, expected)


def _get_section(
    launch: Launch, content: Mapping[str, Any], lines: Mapping[str, int], name: str
) -> Mapping[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, Mapping):
        raise _refuse(launch, lines, name, type(section).__name__, "a section with keys")
    return section


def _parse_deepspeed_section(
    launch: Launch, section: Mapping[str, Any], lines: Mapping[str, int]
) -> None:
    if "deepspeed_config_file" in section:
        key = "deepspeed_config.deepspeed_config_file"
        do = f"give that file to --deepspeed, and resources.num_workers={launch.num_workers or 1}"
        raise ConfigError(
            locate(launch.path, lines, key), f"`{key}` names another file", "ZeRO's keys here", do
        )
    _check_section(launch, section, lines, "deepspeed_config", (_DEEPSPEED, _DEEPSPEED_READ))
    stage = section.get("zero_stage", 2)
    launch.strategy = (
        "deepspeed_config.zero_stage",
        _get_stage(launch, lines, "deepspeed_config.zero_stage", stage),
        "",
    )
    if "gradient_clipping" in section:
        key = "deepspeed_config.gradient_clipping"
        sections.read_clipping(launch, key, section["gradient_clipping"])
    devices = {name: section.get(f"offload_{name}_device") for name in ("optimizer", "param")}
    launch.offload = _choose_offload(
        "deepspeed_config.offload_optimizer_device", devices["optimizer"], devices["param"]
    )
    if "offload_param_device" in section:
        launch.ignored["deepspeed_config.offload_param_device"] = (
            "said with the one of the optimizer"
        )


def _parse_fsdp_section(
    launch: Launch, section: Mapping[str, Any], lines: Mapping[str, int]
) -> None:
    _check_section(launch, section, lines, "fsdp_config", (_FSDP, _FSDP_READ))
    key, name = "fsdp_config.fsdp_sharding_strategy", section.get("fsdp_sharding_strategy")
    if name is None:
        key = "fsdp_config.fsdp_reshard_after_forward"
        name = section.get("fsdp_reshard_after_forward", True)
        if isinstance(name, bool):
            name = "FULL_SHARD" if name else "SHARD_GRAD_OP"
    elif "fsdp_reshard_after_forward" in section:
        launch.ignored["fsdp_config.fsdp_reshard_after_forward"] = "fsdp_sharding_strategy says it"
    found = _SHARDING.get(str(name).upper())
    if found is None:
        raise _refuse(launch, lines, key, str(name), f"one of {', '.join(list(_SHARDING)[::2])}")
    launch.strategy = (key, *found)
    offload = "fsdp_config.fsdp_offload_params"
    if section.get("fsdp_offload_params") is True and found[0] == "fsdp":
        launch.strategy = (key, "zero3", "shards the same, and can offload")
        launch.offload = (offload, "optimizer_and_parameters", "")
    elif "fsdp_offload_params" in section:
        launch.offload = (offload, "none", "")


def _check_section(
    launch: Launch,
    section: Mapping[str, Any],
    lines: Mapping[str, int],
    name: str,
    known: tuple[Mapping[str, str], tuple[str, ...]],
) -> None:
    ignored, read = known
    for key in section:
        if key in ignored:
            launch.ignored[f"{name}.{key}"] = ignored[key]
        elif key not in read:
            where = locate(launch.path, lines, f"{name}.{key}")
            raise build_unknown_key(where, f"{name}.{key}", [*ignored, *read], "accelerate's")


def _parse_deepspeed(launch: Launch, content: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    zero = content["zero_optimization"]
    key = "zero_optimization.stage"
    launch.strategy = (key, _get_stage(launch, lines, key, zero.get("stage", 0)), "")
    devices = [(zero.get(f"offload_{name}") or {}).get("device") for name in ("optimizer", "param")]
    launch.offload = _choose_offload("zero_optimization.offload_*", *devices)
    for name in ("bf16", "fp16"):
        if (content.get(name) or {}).get("enabled") is True:
            launch.mixed_precision = name
    if "gradient_clipping" in content:
        sections.read_clipping(launch, "gradient_clipping", content["gradient_clipping"])
    for name, read in (
        ("optimizer", sections.read_optimizer),
        ("scheduler", sections.read_scheduler),
    ):
        if name in content:
            read(launch, content, lines)
    for name in content:
        if name not in ("zero_optimization", "bf16", "fp16", *sections.SECTIONS):
            launch.ignored[name] = "alignray's own keys say it"
    for name in zero:
        if name not in ("stage", "offload_optimizer", "offload_param"):
            launch.ignored[f"zero_optimization.{name}"] = _SPEED


def _get_stage(launch: Launch, lines: Mapping[str, int], key: str, stage: Any) -> str:
    if isinstance(stage, bool) or stage not in range(len(_STAGES)):
        raise _refuse(launch, lines, key, str(stage), "0, 1, 2 or 3")
    return _STAGES[stage]


def _choose_offload(key: str, optimizer: Any, param: Any) -> tuple[str, str, str]:
    off = (None, "none")
    why = "a disk is not offered: the host's memory" if "nvme" in (optimizer, param) else ""
    if param not in off:
        return key, "optimizer_and_parameters", why
    return key, "none" if optimizer in off else "optimizer", why


def _refuse(
    launch: Launch, lines: Mapping[str, int], key: str, found: str, expected: str
) -> ConfigError:
    return ConfigError(locate(launch.path, lines, key), f"`{key}` is {found}", expected)
