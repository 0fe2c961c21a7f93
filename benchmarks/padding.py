"""Padding: positions computed over real tokens, by order of rows and layout of pairs.

Claim: at most 1.05 for grouped rows, of SFT and of pairs; random batches beside it.

    python -m benchmarks.padding --dataset hh-rlhf:PATH [--tokenizer DIR] [--batch 64] [--micro 8]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from alignray.chat import ChatTokenizer
from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.config.training import TrainingConfig
from alignray.sources import SourceAudit
from alignray.training.dpo import DPOMethod
from alignray.training.method import Method
from alignray.training.pair_layout import count_tokens
from alignray.training.rows.batching import measure_padding, order_rows
from alignray.training.rows.encoding import EncodedRows, Limits, Row, encode_rows, fill_last_batch
from alignray.training.sft import SFTMethod


def load_rows(config: TrainingConfig, method: Method, tokenizer: ChatTokenizer) -> list[Row]:
    """The rows of the data set as the trainer takes them, in whole global batches."""
    encoded, limits = EncodedRows(), Limits(config.max_length, "none")
    source = method.load_rows(str(config.dataset), SourceAudit())
    encode_rows(source, lambda row: method.encode(row, tokenizer, limits), encoded)
    rows = method.arrange(encoded, config.max_length)
    return fill_last_batch(rows, config.train_batch_size, config.seed)


def measure_padded_pairs(order: Sequence[int], rows: list[Row], micro: int) -> float:
    """The layout of TRL: 2 sequences a pair, all padded to the longest of the micro-batch."""
    padded = real = 0
    for start in range(0, len(order), micro):
        batch = [rows[at] for at in order[start : start + micro]]
        lengths = [
            len(row["prompt_ids"]) + len(row[name])
            for row in batch
            for name in ("chosen_ids", "rejected_ids")
        ]
        padded += max(lengths) * len(lengths)
        real += sum(lengths)
    return padded / real


def compare(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per method, layout and order."""
    fields = {
        "output_dir": "unused",
        "dataset": arguments.dataset,
        "model_name_or_path": arguments.tokenizer,
        "train_batch_size": arguments.batch,
        "max_length": arguments.max_length,
    }
    tokenizer = ChatTokenizer.load(arguments.tokenizer)
    sft_config, dpo_config = SFTStageConfig(**fields), DPOStageConfig(**fields)
    sft = load_rows(sft_config, SFTMethod(sft_config), tokenizer)
    pairs = load_rows(dpo_config, DPOMethod(dpo_config), tokenizer)
    results = []
    strategies: tuple[Literal["random", "group_by_length"], ...] = ("random", "group_by_length")
    for name, rows in (("sft", sft), ("dpo", pairs)):
        lengths = [row["length"] for row in rows]
        for strategy in strategies:
            order = order_rows(lengths, arguments.batch, strategy, 0, 0)
            shared = measure_padding(order, lengths, arguments.micro)
            row = {"method": name, "order": strategy, "rows": len(rows), "padded_over_real": shared}
            if name == "dpo":
                padded = measure_padded_pairs(order, rows, arguments.micro)
                results.append({**row, "layout": "padded", "padded_over_real": padded})
                row["layout"] = "shared_prefix"
            results.append(row)
    once = sum(count_tokens(row, "shared_prefix") for row in pairs)
    twice = sum(count_tokens(row, "padded") for row in pairs)
    results.append({"method": "dpo", "tokens_with_prompt_twice_over_once": twice / once})
    return results


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--tokenizer", default="pocket-base")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--micro", type=int, default=8)
    parser.add_argument("--max-length", type=int, default=2048)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = compare(arguments)
    for row in results:
        shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
        print("  ".join(f"{name}={value}" for name, value in shown.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
