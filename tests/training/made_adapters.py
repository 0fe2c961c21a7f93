"""Adapters of the tiny model, with random weights."""

from pathlib import Path


def write_random_adapter(base: Path, directory: Path, seed: int = 0, **shape) -> Path:
    """A LoRA adapter as PEFT saves it, its B filled so that it moves the model."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    shape = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]} | shape
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(task_type="CAUSAL_LM", **shape)
    )
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.05)
    model.save_pretrained(directory)
    return directory


def compute_logits(model):
    import torch

    with torch.no_grad():
        return model.eval()(torch.tensor([[1, 50, 60, 2, 9]])).logits
