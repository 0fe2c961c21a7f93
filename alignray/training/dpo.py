r"""Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290, equation 7).

    h = (log pi(c|x) - log pi(r|x)) - (log ref(c|x) - log ref(r|x))
    L = - log sigma(beta * h)

with c the chosen and r the rejected response, log-probabilities summed over response tokens. The
logged rewards are beta * (log pi - log ref). At policy = reference, h = 0 and L = ln 2.

Conservative DPO (label_smoothing e > 0 with `sigmoid`) is

    L = - (1-e) log sigma(beta h) - e log sigma(-beta h)

TRL 1.16 no longer has it, but it is a sum of two losses that TRL has: 2(1-e) times `sigmoid` minus
(1-2e) times `robust`. The RPO term is `loss_type: [sigmoid, sft]`.

The reference is: without an adapter to go on from, the model without the new adapter (LoRA) or
a second copy (full weights); with `adapter_name_or_path`, a frozen copy of that adapter. Dropout is
off in both. Prompt, chosen and rejected are tokenised once, apart; TRL would render prompt and
response again and move the border to where the token ids differ.

Covered: the loss, the reference, the columns. Not covered: padding-free batches (TRL 1.16 has
them switched off), shared prefixes, precomputed reference log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignray.config.dpo import DPOStageConfig
from alignray.errors import ChatError
from alignray.sources import SourceAudit, load_preferences
from alignray.training.encoding import TOO_LONG, UNREADABLE, Limits, Skipped, TokenColumns

if TYPE_CHECKING:
    from transformers import Trainer

    from alignray.chat import ChatTokenizer
    from alignray.training.method import TrainerParts

IDENTICAL = "identical_answers"


@dataclass(frozen=True)
class DPOMethod:
    """DPO as `training/on_ray.py` launches it."""

    verb: str = "dpo"
    title: str = "Direct preference optimization"

    def load_rows(self, dataset: str, audit: SourceAudit) -> Iterator[Mapping[str, Any]]:
        """Rows with `prompt`, `chosen` and `rejected`."""
        for pair in load_preferences(dataset, audit=audit):
            yield pair.to_row()

    def encode(
        self, row: Mapping[str, Any], tokenizer: ChatTokenizer, limits: Limits
    ) -> tuple[TokenColumns, bool] | Skipped:
        """A pair as `prompt_ids`, `chosen_ids` and `rejected_ids`."""
        try:
            prompt, chosen = tokenizer.encode_preference(row["prompt"], row["chosen"])
            _, rejected = tokenizer.encode_preference(row["prompt"], row["rejected"])
        except ChatError:
            return Skipped(UNREADABLE)
        return build_dpo_columns(prompt, chosen, rejected, limits)

    def build_trainer(self, parts: TrainerParts) -> Trainer:
        """TRL's DPOTrainer, configured."""
        from trl import DPOConfig

        from alignray.training.tokenized_dpo import TokenizedDPOTrainer

        config = parts.config
        assert isinstance(config, DPOStageConfig)
        loss_type, loss_weights = build_loss_terms(config)
        arguments = DPOConfig(
            **parts.arguments,
            max_length=None,
            beta=config.beta,
            loss_type=loss_type,
            loss_weights=loss_weights,
            label_smoothing=config.label_smoothing,
            ld_alpha=config.ld_alpha,
            disable_dropout=True,
        )
        return TokenizedDPOTrainer(
            model=parts.load_policy(),
            args=arguments,
            train_dataset=parts.train_dataset,
            eval_dataset=parts.eval_dataset,
            processing_class=parts.tokenizer,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )


def build_dpo_columns(
    prompt_ids: list[int], chosen_ids: list[int], rejected_ids: list[int], limits: Limits
) -> tuple[TokenColumns, bool] | Skipped:
    """The three parts of a pair, within the limits.

    `keep_start` cuts the responses at their end, `keep_end` the prompt at its start (as far as the
    longer response needs it); a pair without room for both is left out.

    Returns:
        The columns and whether the pair was cut, or why it is left out.
    """
    if chosen_ids == rejected_ids:
        return Skipped(IDENTICAL)
    excess = len(prompt_ids) + max(len(chosen_ids), len(rejected_ids)) - limits.max_length
    was_cut = excess > 0
    if was_cut and limits.truncation_mode == "none":
        return Skipped(TOO_LONG)
    if was_cut and limits.truncation_mode == "keep_end":
        prompt_ids = prompt_ids[excess:]
    room = limits.max_length - len(prompt_ids)
    chosen_ids, rejected_ids = chosen_ids[: max(room, 0)], rejected_ids[: max(room, 0)]
    if not prompt_ids or room <= 0 or chosen_ids == rejected_ids:
        return Skipped(TOO_LONG)
    columns = {"prompt_ids": prompt_ids, "chosen_ids": chosen_ids, "rejected_ids": rejected_ids}
    return {name: list(ids) for name, ids in columns.items()}, was_cut


def build_loss_terms(config: DPOStageConfig) -> tuple[list[str], list[float]]:
    """TRL's loss types and weights, conservative DPO written as the sum of two of them."""
    types: list[str] = []
    weights: list[float] = []
    smoothing = config.label_smoothing
    given = config.loss_weights or (1.0,) * len(config.loss_type)
    for loss_type, weight in zip(config.loss_type, given, strict=True):
        if loss_type == "sigmoid" and smoothing:
            types += ["sigmoid", "robust"]
            weights += [2 * (1 - smoothing) * weight, -(1 - 2 * smoothing) * weight]
        else:
            types.append(loss_type)
            weights.append(weight)
    return types, weights
