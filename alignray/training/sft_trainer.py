"""TRL's SFTTrainer with weighted tokens, packed rows and a perplexity over the whole eval set.

A model with experts whose config says `output_router_logits` adds the load-balancing loss of its
router. That is no sum over tokens but computed per micro-batch, as the model gives it, and the mean
over micro-batches is taken: the one part of the loss that depends on how a global batch is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from trl import SFTTrainer

from alignray.config.sft import SFTStageConfig
from alignray.training.probe import check_packing
from alignray.training.rows.encoding import IGNORED
from alignray.training.rows.padding import pad
from alignray.training.sft_loss import compute_sft_loss, count_denominator, weigh_tokens
from alignray.training.trainer import RowTrainerMixin, mean_or_nan, sum_over_workers

_MODEL_INPUTS = ("input_ids", "attention_mask", "position_ids")


@dataclass
class SFTCollator:
    """Sequences -> a padded batch. Packed ones get positions instead of an attention mask."""

    config: SFTStageConfig
    pad_token_id: int

    def __call__(self, sequences: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch: `input_ids`, `labels`, `token_weights`, `documents`, `rows`, and a mask."""
        reduction = self.config.loss_reduction
        weights = [
            weigh_tokens(s["labels"], s["lengths"], s["weights"], reduction) for s in sequences
        ]
        ids = [s["input_ids"] for s in sequences]
        batch = {
            "input_ids": pad(ids, self.pad_token_id),
            "labels": pad([s["labels"] for s in sequences], IGNORED),
            "token_weights": pad(weights, 0.0),
            "documents": torch.tensor([len(s["lengths"]) for s in sequences]),
            "rows": torch.tensor([s["row"] for s in sequences]),
        }
        if self.config.packing:
            batch["position_ids"] = pad([_list_positions(s["lengths"]) for s in sequences], 0)
        else:
            batch["attention_mask"] = pad([[1] * len(row) for row in ids], 0)
        batch["owner"] = torch.arange(len(ids))[:, None].expand(batch["input_ids"].shape)
        return self._flatten(batch, ids) if self.config.packing and self._is_flash else batch

    @property
    def _is_flash(self) -> bool:
        return self.config.resources.attn_implementation.startswith("flash")

    def _flatten(
        self, batch: dict[str, torch.Tensor], ids: Sequence[Sequence[int]]
    ) -> dict[str, torch.Tensor]:
        """All sequences as one, without padding: flash kernels read positions of a batch of one."""
        lengths = torch.tensor([len(row) for row in ids])[:, None]
        real = torch.arange(batch["input_ids"].shape[1])[None] < lengths
        return {
            name: values[real][None] if values.dim() == 2 else values
            for name, values in batch.items()
        }


def _list_positions(lengths: Sequence[int]) -> list[int]:
    return [position for length in lengths for position in range(length)]


class WeightedSFTTrainer(RowTrainerMixin, SFTTrainer):
    """SFTTrainer whose loss is a weighted sum over the tokens of the global batch."""

    loss_is_scaled_for_ga = True

    def __init__(self, suite_config: SFTStageConfig, **arguments: Any) -> None:
        self.suite_config: SFTStageConfig = suite_config
        self.eval_rows: dict[int, tuple[float, int]] = {}
        self._must_probe = suite_config.packing
        super().__init__(**arguments)

    def count_items(self, batches: list[dict[str, torch.Tensor]]) -> int:
        """D of these micro-batches (`sft_loss.py`)."""
        tokens = sum(int((batch["token_weights"][:, 1:] > 0).sum()) for batch in batches)
        rows = sum(int(batch["documents"].sum()) for batch in batches)
        return count_denominator(tokens, rows, self.suite_config.loss_reduction)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> Any:
        """The micro-batch's share of L, times the workers, as their gradients are averaged."""
        mode = "train" if self.model.training else "eval"
        if self._must_probe:
            self._must_probe = False
            check_packing(model, self.model, self.data_collator)
        chosen = {name: inputs[name] for name in _MODEL_INPUTS if name in inputs}
        labels = inputs["labels"].masked_fill(inputs["token_weights"] == 0, IGNORED)
        if self.aux_loss_enabled:
            chosen["output_router_logits"] = True
        outputs = model(**chosen, labels=labels, use_cache=False, fused_lm_head=True)
        weights = inputs["token_weights"][:, 1:]
        if num_items_in_batch is None:
            num_items_in_batch = self._get_num_items_in_batch([inputs], weights.device)
        kind = self.suite_config.loss_type if mode == "train" else "nll"
        loss = compute_sft_loss(outputs.log_probs, weights, num_items_in_batch, kind)
        loss = loss * self.accelerator.num_processes
        if self.aux_loss_enabled:
            steps = self.current_gradient_accumulation_steps if mode == "train" else 1
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / steps
        self.check_loss(loss, inputs["rows"])
        self._record(mode, outputs, inputs)
        return (loss, outputs) if return_outputs else loss

    def _record(self, mode: str, outputs: Any, inputs: dict[str, torch.Tensor]) -> None:
        """Entropy and accuracy over the tokens of all workers, in one message; NLL by eval row."""
        mask = outputs.label_mask
        own = torch.stack(
            [mask.sum(), (outputs.entropy * mask).sum(), (outputs.is_top1 * mask).sum()]
        )
        tokens, entropy, correct = sum_over_workers(own.double()).tolist()
        self._metrics[mode]["entropy"].append(mean_or_nan(entropy, tokens))
        self._metrics[mode]["mean_token_accuracy"].append(mean_or_nan(correct, tokens))
        if mode == "eval":
            owner, rows = inputs["owner"][:, 1:].flatten(), inputs["rows"]
            sums = torch.zeros(2, len(rows), dtype=torch.float64, device=rows.device)
            sums[0].index_add_(0, owner, -(outputs.log_probs * mask).flatten().double())
            sums[1].index_add_(0, owner, mask.flatten().double())
            for row, total, count in zip(rows.tolist(), *sums.tolist(), strict=True):
                self.eval_rows[row] = (total, int(count))

    def measure_rows(self, rows: dict[int, tuple[float, int]]) -> dict[str, float]:
        """Loss as the token mean over the whole set, and its exp.

        perplexity = exp(sum of all tokens' negative log-likelihood / number of these tokens).
        """
        loss = compute_token_mean(rows)
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}


def compute_token_mean(rows: dict[int, tuple[float, int]]) -> float:
    """Mean NLL over the tokens of all rows, in order of the rows so that it is reproducible."""
    total = sum(rows[row][0] for row in sorted(rows))
    return mean_or_nan(total, sum(count for _, count in rows.values()))
