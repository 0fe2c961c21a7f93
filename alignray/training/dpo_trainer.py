"""TRL's DPOTrainer with its loss and batches replaced: same names, same values, less work.

TRL's `_compute_loss` pads both responses beside two copies of the prompt and sends 14 messages a
micro-batch for its metrics. Here a pair shares its prompt where attention allows
(`pair_layout.py`), losses are one function each (`dpo_losses.py`), and metrics are one message. The
construction of models and references, checkpoints and evaluation are TRL's.
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
from alignray.training.dpo_losses import PairScores, compute_dpo_loss
from alignray.training.dpo_scores import BranchScores, score_branches, weigh_tail
from alignray.training.pair_layout import Layout, build_model_inputs
from alignray.training.policy import REFERENCE_ADAPTER
from alignray.training.trainer import RowTrainerMixin, mean_or_nan, sum_over_workers

_REWARDS = ("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins")
_PAIR_METRICS = (*_REWARDS, "logps/chosen", "logps/rejected")


class PairTrainer(RowTrainerMixin, DPOTrainer):
    """DPOTrainer on pairs of token ids; see the module."""

    def __init__(self, suite_config: DPOStageConfig, layout: Layout, **arguments: Any) -> None:
        self.suite_config: DPOStageConfig = suite_config
        self._layout = layout
        weights = suite_config.loss_weights or (1.0,) * len(suite_config.loss_type)
        self._terms = dict(zip(suite_config.loss_type, weights, strict=True))
        super().__init__(**arguments)

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Rows are token ids already."""
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Rows hold the reference's log-probabilities already (`reference.py`), or need none."""
        return dataset

    def _compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool
    ) -> Any:
        mode = "train" if self.model.training else "eval"
        policy, outputs = self._score(model, inputs)
        reference_chosen_B, reference_rejected_B = self._score_reference(inputs)
        scores = PairScores(
            policy.chosen_B,
            policy.rejected_B,
            reference_chosen_B,
            reference_rejected_B,
            policy.chosen_tokens_B,
            policy.rejected_tokens_B,
            policy.chosen_mean_logp,
        )
        config = self.suite_config
        loss = compute_dpo_loss(scores, self._terms, config.beta, config.label_smoothing)
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss
        self.check_loss(loss, inputs["rows"])
        self._record(mode, scores, policy)
        return (loss, outputs) if return_outputs else loss

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

    def _record(self, mode: str, scores: PairScores, policy: BranchScores) -> None:
        """TRL's metrics over the pairs of all workers, in one message."""
        beta = self.suite_config.beta
        chosen_B, rejected_B = beta * scores.c_B.detach(), beta * scores.r_B.detach()
        per_pair = torch.stack(
            [
                chosen_B,
                rejected_B,
                (chosen_B > rejected_B).to(chosen_B.dtype),
                chosen_B - rejected_B,
                scores.policy_chosen_B.detach(),
                scores.policy_rejected_B.detach(),
            ]
        )
        count = torch.tensor([per_pair.shape[1]], device=per_pair.device)
        own = torch.cat([count.double(), per_pair.double().sum(dim=1), policy.totals.double()])
        pairs, *rest = sum_over_workers(own).tolist()
        metrics = self._metrics[mode]
        for name, total in zip(_PAIR_METRICS, rest, strict=False):
            metrics[name].append(total / pairs)
        chosen_tokens, rejected_tokens, chosen_logits, rejected_logits, entropy, correct = rest[6:]
        metrics["logits/chosen"].append(mean_or_nan(chosen_logits, chosen_tokens))
        metrics["logits/rejected"].append(mean_or_nan(rejected_logits, rejected_tokens))
        metrics["entropy"].append(mean_or_nan(entropy, chosen_tokens + rejected_tokens))
        metrics["mean_token_accuracy"].append(mean_or_nan(correct, chosen_tokens))
