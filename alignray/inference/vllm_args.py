"""A configuration in vLLM's terms: engine arguments, environment, adapters, constraints."""

from __future__ import annotations

import os
from typing import Any

from alignray.config.inference import VLLMEngineConfig
from alignray.inference.engine import Constraint
from alignray.models import load_model_config, resolve_model

_DEFAULT_CPU_MODEL_LEN = 8192
_CPU_BLOCK_SIZE = 32
"""Tokens of a KV block, the unit in which prefixes are shared: the least that vLLM's CPU kernel
takes (its default there is 128, and on GPUs 16)."""


def build_engine_args(config: VLLMEngineConfig) -> dict[str, Any]:
    """The keyword arguments of vLLM's AsyncEngineArgs for a configuration."""
    resources = config.resources
    on_cpu = resources.num_gpus == 0
    model_len = config.max_model_len or _get_model_len(config) if on_cpu else config.max_model_len
    batched = max(resources.max_num_batched_tokens, model_len or 0)
    args: dict[str, Any] = {
        "model": resolve_model(config.model_name_or_path),
        "revision": None if config.model_revision == "main" else config.model_revision,
        "dtype": config.dtype,
        "quantization": config.quantization,
        "max_model_len": model_len,
        "max_num_seqs": resources.max_num_seqs,
        "max_num_batched_tokens": batched if on_cpu else resources.max_num_batched_tokens,
        "enable_prefix_caching": resources.enable_prefix_caching,
        "enforce_eager": on_cpu if resources.enforce_eager == "auto" else resources.enforce_eager,
        "tensor_parallel_size": resources.tensor_parallel_size,
        "trust_remote_code": False,
        "enable_log_requests": False,
        **_choose_executor(resources.tensor_parallel_size, on_cpu),
        "seed": 0,
    }
    if on_cpu:
        args["enable_chunked_prefill"] = False
        args["block_size"] = _CPU_BLOCK_SIZE
    else:
        args["gpu_memory_utilization"] = resources.gpu_memory_utilization
    if config.adapters:
        # One slot more than adapters: on a CPU vLLM 0.32 gives a request without adapter the index
        # -1, which is the last slot, so base rows in a mixed batch would run with its adapter.
        args |= {
            "enable_lora": True,
            "max_loras": len(config.adapters) + 1,
            "max_lora_rank": config.max_lora_rank,
        }
    return args


def _choose_executor(tensor_parallel_size: int, on_cpu: bool) -> dict[str, Any]:
    """One rank on a CPU runs inside the engine's process: one interpreter less to start and feed.

    The class is given, as vLLM turns the name `uni` into `mp` on a CPU to set OpenMP's variables in
    a fresh process; `set_environment` has set them already.
    """
    if not on_cpu or tensor_parallel_size > 1:
        return {}
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    return {"distributed_executor_backend": UniProcExecutor}


def _get_model_len(config: VLLMEngineConfig) -> int:
    own = load_model_config(config.model_name_or_path).get("max_position_embeddings")
    return min(int(own), _DEFAULT_CPU_MODEL_LEN) if own else _DEFAULT_CPU_MODEL_LEN


def set_environment(config: VLLMEngineConfig) -> None:
    """VLLM reads these when its processes start."""
    resources = config.resources
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    if resources.num_gpus == 0:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, round(resources.cpu_kv_cache_gib)))
        os.environ["OMP_NUM_THREADS"] = str(resources.omp_threads)
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"


def build_structured_outputs(constraint: Constraint | None) -> Any:
    """VLLM's form of a constraint."""
    if constraint is None:
        return None
    from vllm.sampling_params import StructuredOutputsParams

    if constraint.choice is not None:
        return StructuredOutputsParams(choice=list(constraint.choice))
    if constraint.regex is not None:
        return StructuredOutputsParams(regex=constraint.regex)
    return StructuredOutputsParams(json=constraint.json_schema)


def build_lora_requests(config: VLLMEngineConfig) -> dict[str, Any]:
    """Name of an adapter -> what vLLM's requests name it by."""
    from vllm.lora.request import LoRARequest

    return {
        name: LoRARequest(lora_name=name, lora_int_id=number, lora_path=resolve_model(path))
        for number, (name, path) in enumerate(sorted(config.adapters.items()), start=1)
    }
