"""TRL's DPOTrainer with its loss and batches replaced: same names, same values, less work.

TRL's `_compute_loss` pads both responses beside two copies of the prompt and sends 14 messages a
micro-batch for its metrics. Here a pair shares its prompt where attention allows
(`pair_layout.py`, tried out by `probe.py`), losses are one function each (`dpo_losses.py`), and
metrics are one message. Two results of TRL's depend on how a batch is cut, and do not here: the
`sft` term is the mean over the chosen tokens of the global batch, and an evaluation counts each row
once. Models, references and checkpoints are TRL's. What still depends on the micro-batch is the
router's auxiliary loss of a model with experts (`output_router_logits`), as in `sft_trainer.py`,
and the losses that sort a batch (`aot`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from trl import DPOTrainer
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import use_adapter

from alignray.config.dpo import DPOStageConfig
from alignray.training.dpo_losses import PairScores, compute_pair_losses
from alignray.training.dpo_metrics import (
    build_pair_vectors,
    compute_eval_loss,
    compute_metrics,
    sum_rows,
)
from alignray.training.dpo_scores import BranchScores, score_branches, weigh_tail
from alignray.training.pair_layout import CHOSEN, Layout, build_model_inputs
from alignray.training.policy import REFERENCE_ADAPTER
from alignray.training.probe import settle_layout
from alignray.training.trainer import RowTrainerMixin, sum_over_workers


class PairTrainer(RowTrainerMixin, DPOTrainer):
    """DPOTrainer on pairs of token ids; see the module."""

    def __init__(self, suite_config: DPOStageConfig, layout: Layout, **arguments: Any) -> None:
        self.suite_config: DPOStageConfig = suite_config
        self._layout: Layout = layout
        self._is_probed = layout == "padded"
        weights = suite_config.loss_weights or (1.0,) * len(suite_config.loss_type)
        self._terms = dict(zip(suite_config.loss_type, weights, strict=True))
        self._sft_weight = self._terms.pop("sft", 0.0)
        self.eval_rows: dict[int, torch.Tensor] = {}
        super().__init__(**arguments)

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Rows are token ids already."""
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Rows hold the reference's log-probabilities already (`reference.py`), or need none."""
        return dataset

    def count_items(self, batches: list[dict[str, torch.Tensor]]) -> int:
        """Chosen tokens: what the `sft` term is a mean over."""
        return sum(int((batch["branch"] == CHOSEN).sum()) for batch in batches)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> Any:
        """The micro-batch's mean over its pairs; transformers divides by the accumulation steps."""
        mode = "train" if self.model.training else "eval"
        inputs = self._settle(model, inputs)
        policy, outputs = self._score(model, inputs)
        scores = PairScores(
            policy.chosen_B,
            policy.rejected_B,
            *self._score_reference(inputs),
            policy.chosen_tokens_B,
            policy.rejected_tokens_B,
        )
        config = self.suite_config
        losses_B = compute_pair_losses(scores, self._terms, config.beta, config.label_smoothing)
        loss = losses_B.mean()
        if self._sft_weight:
            share = self._compute_sft_share(policy, mode, num_items_in_batch)
            loss = loss - self._sft_weight * share
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss
        self.check_loss(loss, inputs["rows"])
        self._record(mode, inputs, build_pair_vectors(scores, policy, losses_B, config.beta))
        return (loss, outputs) if return_outputs else loss

    def _compute_sft_share(
        self, policy: BranchScores, mode: str, num_items: torch.Tensor | None
    ) -> torch.Tensor:
        """This micro-batch's part of the mean log p over the chosen tokens of the global batch."""
        total = policy.chosen_logp_B.sum()
        if mode == "eval" or num_items is None:
            return total / policy.chosen_tokens_B.sum().clamp(min=1)
        parts = self.accelerator.num_processes * self.current_gradient_accumulation_steps
        return total * parts / num_items.clamp(min=1)

    def _settle(self, model: Any, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Before the first batch: tries the shared prefix out, and pads if it does not hold."""
        if not self._is_probed:
            self._is_probed = True
            models = [model] if self.ref_model is None else [model, self.ref_model]
            asked = self.suite_config.resources.layout
            self._layout = self.data_collator.layout = settle_layout(models, self.model, asked)
        is_shared = len(inputs["labels"]) == len(inputs["rows"])
        if self._layout == "shared_prefix" or not is_shared:
            return inputs
        rows = self.train_dataset if self.model.training else self.eval_dataset
        batch = self.data_collator([rows[row] for row in inputs["rows"].tolist()])
        return self._prepare_inputs(batch)

    def _score(
        self, model: Any, inputs: dict[str, torch.Tensor], aux: bool = True
    ) -> tuple[BranchScores, Any]:
        taken = build_model_inputs(inputs, self._layout, self.model)
        if self.aux_loss_enabled and aux:
            taken["output_router_logits"] = True
        outputs = model(**taken, shift_labels=inputs["labels"], use_cache=False, fused_lm_head=True)
        weights = weigh_tail(inputs, self.suite_config.ld_alpha)
        return score_branches(outputs, inputs, weights), outputs

    def _score_reference(
        self, inputs: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities of the responses under the reference: [B] each."""
        if self.suite_config.reference_free:
            zeros_B = torch.zeros(len(inputs["rows"]), device=inputs["rows"].device)
            return zeros_B, zeros_B
        if "ref_chosen_logps" in inputs:
            return inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        kwargs = self.args.gradient_checkpointing_kwargs
        with (
            torch.no_grad(),
            disable_gradient_checkpointing(self.model, kwargs),
            self._as_reference() as model,
        ):
            scores, _ = self._score(model, inputs, aux=False)
        return scores.chosen_B, scores.rejected_B

    @contextlib.contextmanager
    def _as_reference(self) -> Iterator[Any]:
        """The second model; or the model without its adapter, or with its frozen first state."""
        if self.ref_model is not None:
            yield self.ref_model
            return
        unwrapped = self.accelerator.unwrap_model(self.model)
        name = REFERENCE_ADAPTER if REFERENCE_ADAPTER in unwrapped.peft_config else None
        with use_adapter(unwrapped, adapter_name=name):
            yield self.model

    def _record(self, mode: str, inputs: dict[str, torch.Tensor], vectors: torch.Tensor) -> None:
        """In training: metrics over the pairs of all workers, in one message. Else: by row."""
        if mode == "eval":
            rows = inputs["rows"].tolist()
            self.eval_rows |= dict(zip(rows, vectors.T.cpu(), strict=True))
            return
        count = torch.tensor([vectors.shape[1]], device=vectors.device).double()
        total = sum_over_workers(torch.cat([count, vectors.sum(dim=1)]))
        for name, value in compute_metrics(total[1:], int(total[0])).items():
            self._metrics[mode][name].append(value)

    def measure_rows(self, rows: dict[int, torch.Tensor]) -> dict[str, float]:
        """Loss and TRL's metrics over all pairs."""
        total = sum_rows(rows)
        loss = compute_eval_loss(total, len(rows), self._sft_weight)
        return {"loss": loss, **compute_metrics(total, len(rows))}
