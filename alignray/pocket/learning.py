"""The training loop of the pocket models: Muon and AdamW, every step's loss recorded.

Plain torch on purpose: this makes the test objects from scratch; aligning models is
`alignray.training`'s work. On one kind of CPU with a fixed thread count the same seed gives the
same losses to the last digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from alignray.pocket.muon import Muon
from alignray.pocket.tokenizer import MAX_LENGTH

THREADS: Final = 2
IGNORED: Final = -100


@dataclass(frozen=True)
class Example:
    """Token ids of one document and the position from which on they are learned.

    Example:
        Example(ids=(1, 345, 4, 2, 98, 4), learned_from=4)
    """

    ids: tuple[int, ...]
    learned_from: int


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        steps: optimizer steps; the learning rate warms up linearly, then falls as a cosine to 2 %
            of its peak.
        batch_size: documents per step.
        pool: batches that are drawn at once and sorted by length, so that little is padded.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 50
    pool: int = 8


def build_llama(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A fresh Llama of a million parameters, with a head size that vLLM's CPU attention takes."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def train_model(
    model: LlamaForCausalLM,
    examples: Iterator[Example],
    schedule: Schedule,
    stop_after: int | None = None,
) -> list[float]:
    """Trains in place; returns each step's loss (mean over the learned tokens of its batch).

    Args:
        model: float32, on the CPU.
        examples: an endless stream.
        schedule: steps, batch size and learning rates.
        stop_after: stop early, with the learning rates of the full schedule (to check a recorded
            curve).
    """
    torch.set_num_threads(THREADS)
    optimizers = _build_optimizers(model, schedule.learning_rate)
    model.train()
    losses: list[float] = []
    batches = draw_batches(examples, schedule)
    for step in range(min(schedule.steps, stop_after or schedule.steps)):
        loss = compute_loss(model, next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * compute_rate_factor(step, schedule)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


def draw_batches(examples: Iterator[Example], schedule: Schedule) -> Iterator[list[Example]]:
    """Batches of documents of like length, in an order that does not depend on length."""
    generator = torch.Generator().manual_seed(0)
    while True:
        pool = [next(examples) for _ in range(schedule.batch_size * schedule.pool)]
        pool.sort(key=lambda example: len(example.ids))
        for index in torch.randperm(schedule.pool, generator=generator).tolist():
            yield pool[index * schedule.batch_size : (index + 1) * schedule.batch_size]


def compute_loss(model: LlamaForCausalLM, batch: Sequence[Example]) -> torch.Tensor:
    """Mean cross entropy of the learned tokens; logits are computed for their positions alone.

    Shapes: B documents, T tokens, N learned tokens, H hidden, V vocabulary.
    """
    length = max(len(example.ids) for example in batch)
    pad = model.config.pad_token_id
    ids_BT = torch.tensor(
        [[*example.ids, *[pad] * (length - len(example.ids))] for example in batch]
    )
    targets_BT = torch.full_like(ids_BT, IGNORED)
    for row, example in enumerate(batch):
        learned = torch.tensor(example.ids[example.learned_from :])
        targets_BT[row, example.learned_from - 1 : len(example.ids) - 1] = learned
    # Padding stands on the right: causal attention never sees it from a learned position.
    hidden_BTH = model.model(input_ids=ids_BT, use_cache=False).last_hidden_state
    learned_BT = targets_BT != IGNORED
    logits_NV = model.lm_head(hidden_BTH[learned_BT])
    return functional.cross_entropy(logits_NV, targets_BT[learned_BT])


def compute_rate_factor(step: int, schedule: Schedule) -> float:
    """Learning rate of a step (from 0) over the schedule's peak, 0 to 1."""
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    done = (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _build_optimizers(
    model: LlamaForCausalLM, learning_rate: float
) -> tuple[torch.optim.Optimizer, ...]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return Muon(matrices, learning_rate), torch.optim.AdamW(
        others, learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
