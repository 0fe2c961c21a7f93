"""A random Llama of a given size with the pocket tokenizer: enough to time plumbing and engines."""

from __future__ import annotations

import shutil
from pathlib import Path

from alignray.pocket import MODELS


def build_random_model(
    directory: Path, *, hidden_size: int = 256, num_layers: int = 4, spread: float = 0.02
) -> Path:
    """Writes a random float32 Llama (about 4M parameters by default) and returns its directory.

    `spread` is the standard deviation of its weights: the larger, the more its answers differ.
    """
    if (directory / "config.json").is_file():
        return directory
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(MODELS["pocket-base"])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=hidden_size * 4,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 64,
        num_key_value_heads=hidden_size // 64,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=spread,
        dtype="float32",
    )
    building = directory.with_name(f".{directory.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    LlamaForCausalLM(config).save_pretrained(building)
    tokenizer.save_pretrained(building)
    building.replace(directory)
    return directory
