"""Samples from a pocket model with plain transformers: enough to build and check the models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

Messages = list[dict[str, str]]


@torch.no_grad()
def sample_responses(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    conversations: Sequence[Messages],
    seed: int,
    temperature: float = 1.0,
) -> list[str]:
    """One sampled response per conversation, at most 64 new tokens, in the order given.

    Args:
        model: on the CPU, in evaluation mode.
        tokenizer: the model's own.
        conversations: chat messages up to the response.
        seed: of the global torch generator.
        temperature: above 0.
    """
    torch.manual_seed(seed)
    rendered = [
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        for messages in conversations
    ]
    order = sorted(range(len(rendered)), key=lambda index: len(rendered[index]))
    responses = [""] * len(rendered)
    for start in range(0, len(order), 512):
        chunk = order[start : start + 512]
        inputs = tokenizer(
            [rendered[index] for index in chunk],
            return_tensors="pt",
            padding=True,
            return_token_type_ids=False,
            padding_side="left",
        )
        output = model.generate(
            **inputs,
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            max_new_tokens=64,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        texts = tokenizer.batch_decode(
            output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        for index, text in zip(chunk, texts, strict=True):
            responses[index] = text
    return responses
