"""Turning the checkpoint of a training into a model folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alignray.config.base import DataPath, ModelPath, StageConfig


class ExportConfig(StageConfig):
    """`alignray export SOURCE`: a checkpoint -> OUT/model, a Hugging Face folder.

    Sources: `checkpoint-N` or `global_stepN` of DeepSpeed (ZeRO 1 to 3), a sharded FSDP checkpoint
    (`pytorch_model_fsdp_0`), or a `policy.pt` archive. Nothing but tensors is unpickled.
    """

    source: DataPath = Field(min_length=1)
    """The checkpoint: a directory, or a `policy.pt` file."""
    base: ModelPath | None = None
    """Model that gives config and tokenizer, and that an adapter is one of; by default what lies
    beside the checkpoint. A `policy.pt` has neither, and needs it."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the written weights; `auto` keeps them as stored, which is float32 for DeepSpeed."""
