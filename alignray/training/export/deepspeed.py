r"""Weights out of a DeepSpeed checkpoint: the float32 copies that the optimizer holds, joined.

A checkpoint `global_stepN` holds `*_model_states.pt` (16-bit weights or their shapes, buffers,
frozen weights) and, per worker, `*_optim_states.pt` with its part of the float32 weights:

    ZeRO 1, 2   each parameter group is one vector, cut in equal parts over the workers:
                cat over workers, then one parameter after the other
    ZeRO 3      each parameter is cut by itself: worker k holds elements k*m to (k+1)*m with
                m = ceil(size / workers), one parameter after the other

Stage 0 has no parts, and its `module` is the weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.errors import ArtifactError
from alignray.training.export.safe_loading import load_tensors

if TYPE_CHECKING:
    from torch import Tensor

_PART = re.compile(r"(?:bf16_)?(?:zero_pp_rank_(\d+)_)?mp_rank_(\d+)_(model|optim)_states\.pt")
_STEP = re.compile(r"global_step(\d+)")
_OPTIMIZER = "optimizer_state_dict"


def find_step_dir(source: Path) -> Path | None:
    """The `global_stepN` that a directory is, or points to, or the newest in it; None for none."""
    if any(_PART.fullmatch(file.name) for file in source.glob("*.pt")):
        return source
    latest = source / "latest"
    if latest.is_file():
        named = source / latest.read_text(encoding="utf-8").strip()
        return named if named.is_dir() else None
    steps = [path for path in source.glob("global_step*") if _STEP.fullmatch(path.name)]
    return max(steps, key=lambda path: int(path.name[len("global_step") :]), default=None)


def load_deepspeed_weights(step_dir: Path) -> dict[str, Tensor]:
    """Parameter and buffer names -> tensors, float32 where they were trained.

    Raises:
        ArtifactError: parts are missing, or of a model cut over several devices.
    """
    models = [load_tensors(path) for path in _list_parts(step_dir, "model")]
    optimizers = [load_tensors(path) for path in _list_parts(step_dir, "optim")]
    if not models:
        raise ArtifactError(str(step_dir), "no model_states.pt", "a DeepSpeed checkpoint")
    parts = [state[_OPTIMIZER] for state in optimizers if "zero_stage" in state[_OPTIMIZER]]
    if not parts:
        weights: dict[str, Tensor] = dict(models[0]["module"])
        return weights
    stage = int(parts[0]["zero_stage"])
    _check_count(step_dir, parts, len(models) if stage == 3 else len(parts))
    shapes: Sequence[Mapping[str, Sequence[int]]] = models[0]["param_shapes"]
    if stage == 3:
        joined = join_parameters([part["fp32_flat_groups"] for part in parts], shapes)
    else:
        vectors = [part["single_partition_of_fp32_groups"] for part in parts]
        joined = join_groups(vectors, shapes, parts[0].get("param_alignment_paddings"))
    result = _collect_buffers(models[0]) | _join_frozen(models, stage) | joined
    for alias, name in dict(models[0].get("shared_params") or {}).items():
        if name in result:
            result[alias] = result[name]
    return result


def join_groups(
    parts: Sequence[Sequence[Tensor]],
    shapes: Sequence[Mapping[str, Sequence[int]]],
    paddings: Sequence[Sequence[int]] | None = None,
) -> dict[str, Tensor]:
    """ZeRO 1 and 2.

    Args:
        parts: per worker, its part of each parameter group's vector.
        shapes: per group, parameter -> shape, in the order of the vector.
        paddings: per group and parameter, the elements that follow it for alignment.
    """
    import torch

    weights = {}
    for group, named in enumerate(shapes):
        vector = torch.cat([part[group] for part in parts])
        offset = 0
        for index, (name, shape) in enumerate(named.items()):
            size = math.prod(shape)
            weights[name] = _cut(vector, offset, size, name).view(tuple(shape))
            offset += size + (paddings[group][index] if paddings else 0)
    return weights


def join_parameters(
    parts: Sequence[Sequence[Tensor]], shapes: Sequence[Mapping[str, Sequence[int]]]
) -> dict[str, Tensor]:
    """ZeRO 3.

    Args:
        parts: per worker, its vectors, which follow each other.
        shapes: parameter -> shape, in the order of the vectors.
    """
    import torch

    vectors = [torch.cat(list(part)) if len(part) > 1 else part[0] for part in parts]
    weights, offset = {}, 0
    for named in shapes:
        for name, shape in named.items():
            size = math.prod(shape)
            share = math.ceil(size / len(parts))
            pieces = [_cut(vector, offset, share, name) for vector in vectors]
            weights[name] = torch.cat(pieces)[:size].view(tuple(shape))
            offset += share
    return weights


def _cut(vector: Tensor, offset: int, size: int, name: str) -> Tensor:
    if offset + size > vector.numel():
        found = f"{vector.numel()} elements, {name} ends at {offset + size}"
        raise ArtifactError("checkpoint", found, "as many as its parameters have")
    return vector[offset : offset + size]


def _list_parts(step_dir: Path, kind: str) -> list[Path]:
    """Files of a kind in the order of their workers."""
    found: dict[int, Path] = {}
    for path in step_dir.glob(f"*_{kind}_states.pt"):
        match = _PART.fullmatch(path.name)
        if match is None:
            continue
        if int(match.group(2)):
            where = "a model that is whole on each worker"
            raise ArtifactError(str(path), "a part of a model cut by tensor parallelism", where)
        found[int(match.group(1) or 0)] = path
    return [found[rank] for rank in sorted(found)]


def _check_count(step_dir: Path, parts: Sequence[Mapping[str, Any]], models: int) -> None:
    count = parts[0]["partition_count"]
    wanted = max(count) if isinstance(count, list) else int(count)
    if {len(parts), models} != {wanted}:
        found = f"parts of {min(len(parts), models)} workers"
        raise ArtifactError(str(step_dir), found, f"those of {wanted}", "copy the whole checkpoint")


def _collect_buffers(model: Mapping[str, Any]) -> dict[str, Tensor]:
    names = model.get("buffer_names") or ()
    return {name: model["module"][name] for name in names if name in model["module"]}


def _join_frozen(models: Sequence[Mapping[str, Any]], stage: int) -> dict[str, Tensor]:
    """Weights that were not trained, where the checkpoint holds them."""
    import torch

    shapes = models[0].get("frozen_param_shapes") or {}
    parts = [model.get("frozen_param_fragments") or {} for model in models]
    frozen = {}
    for name, shape in shapes.items():
        if stage < 3:
            frozen[name] = parts[0][name]
        else:
            pieces = torch.cat([part[name].flatten() for part in parts])
            frozen[name] = pieces[: math.prod(shape)].view(tuple(shape))
    return frozen
