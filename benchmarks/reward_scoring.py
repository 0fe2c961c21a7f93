"""Rewards: tokens computed over real tokens and CPU seconds, by length and at random.

Claim: at most 1.03 by length, in windows as the engine sees them; random batches of as many
padded tokens beside it. The model is a random DeBERTa-v2 in the wiring of
reward-model-deberta-v3-large-v2, one thread, float32; the rewards of both orders are compared.

    python -m benchmarks.reward_scoring --answers hh-rlhf:PATH [--tokenizer DIR] [--count 2048]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from alignray.config.judge_engines import RewardEngineConfig
from alignray.inference.reward_batches import count_padded, cut_batches
from alignray.inference.reward_model import RewardModel, RewardModelSettings, load_reward_model
from alignray.inference.reward_text import RewardText, RewardTokenizer
from alignray.sources import load_preferences


def build_random_reward_model(directory: Path, vocab_size: int, hidden: int, layers: int) -> Path:
    """Writes a random DeBERTa-v2 with one logit and returns its directory."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    torch.manual_seed(0)
    config = DebertaV2Config(
        vocab_size=vocab_size,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64),
        intermediate_size=4 * hidden,
        max_position_embeddings=512,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        num_labels=1,
        initializer_range=0.1,
    )
    DebertaV2ForSequenceClassification(config).save_pretrained(directory)
    return directory


def read_texts(answers: str, tokenizer: RewardTokenizer) -> list[RewardText]:
    """Both answers of every pair, as the reward model reads them, in the order of the source."""
    return [
        tokenizer.encode([*pair.prompt, *answer])
        for pair in load_preferences(answers)
        for answer in (pair.chosen, pair.rejected)
    ]


def plan_windows(lengths: Sequence[int], window: int, batch_tokens: int) -> list[list[int]]:
    """Batches of positions, window by window, as the engine cuts them."""
    batches: list[list[int]] = []
    for start in range(0, len(lengths), window):
        cut = cut_batches(lengths[start : start + window], batch_tokens)
        batches += [[start + at for at in batch] for batch in cut]
    return batches


def draw_batches(lengths: Sequence[int], batch_tokens: int, seed: int = 0) -> list[list[int]]:
    """Texts at random, each batch filled up to the same number of padded tokens."""
    order = random.Random(seed).sample(range(len(lengths)), len(lengths))
    batches: list[list[int]] = []
    width = 0
    for position in order:
        widened = max(width, lengths[position])
        if batches and (len(batches[-1]) + 1) * widened <= batch_tokens:
            batches[-1].append(position)
            width = widened
        else:
            batches.append([position])
            width = lengths[position]
    return batches


def score_batches(
    model: RewardModel, texts: Sequence[RewardText], batches: Iterable[Sequence[int]]
) -> tuple[dict[int, float], float]:
    """Rewards by position, and the CPU seconds they took."""
    began, rewards = time.process_time(), {}
    for batch in batches:
        chosen = [texts[at] for at in batch]
        found = model.score([text.ids for text in chosen], [text.types for text in chosen])
        rewards |= dict(zip(batch, found, strict=True))
    return rewards, time.process_time() - began


def compare(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per order, over the first `count` answers."""
    name, results = arguments.tokenizer, []
    config = RewardEngineConfig(model_name_or_path=name, truncate=True)
    texts = read_texts(arguments.answers, RewardTokenizer(config))
    planned = [len(text.ids) for text in texts]
    everything = plan_windows(planned, arguments.window, arguments.batch_tokens)
    lengths = planned[: arguments.count]
    batches = plan_windows(lengths, arguments.window, arguments.batch_tokens)
    vocab_size = 1 + max(max(text.ids) for text in texts)
    found: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        build_random_reward_model(Path(folder), vocab_size, arguments.hidden, arguments.layers)
        model = load_reward_model(
            RewardModelSettings(folder, "main", "float32", None, 512, 8192, 0, "cpu", 1)
        )
        drawn = draw_batches(lengths, arguments.batch_tokens)
        all_drawn = draw_batches(planned, arguments.batch_tokens)
        for order, plan, whole in (
            ("by length", batches, everything),
            ("random", drawn, all_drawn),
        ):
            found[order], seconds = score_batches(model, texts, plan)
            row = {
                "order": order,
                "answers": len(texts),
                "tokens": sum(planned),
                "batches": len(whole),
                "padded_over_real": count_padded(whole, planned) / sum(planned),
                "scored": len(lengths),
                "scored_padded_over_real": count_padded(plan, lengths) / sum(lengths),
                "cpu_seconds": seconds,
            }
            results.append(row)
    first, second = found["by length"], found["random"]
    furthest = max(abs(first[at] - second[at]) for at in first)
    spread = {"rewards_from": min(first.values()), "rewards_to": max(first.values())}
    return [row | {"largest_difference": furthest, **spread} for row in results]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", required=True)
    parser.add_argument("--tokenizer", default="pocket-base")
    parser.add_argument("--count", type=int, default=2048)
    parser.add_argument("--window", type=int, default=1024)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = compare(arguments)
    for row in results:
        shown = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
        print("  ".join(f"{name}={value}" for name, value in shown.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
