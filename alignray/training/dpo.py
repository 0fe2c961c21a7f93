"""Direct preference optimization: pairs of responses -> token ids, and how they are trained on.

    h = (log pi(c|x) - log pi(r|x)) - (log ref(c|x) - log ref(r|x)),   L = - log sigma(beta * h)

with c the chosen and r the rejected response (Rafailov et al. 2023, arXiv 2305.18290, equation 7).
The losses of its family are in `dpo_losses.py`, the layouts of a batch in `pair_layout.py`, the
trainer in `dpo_trainer.py`.

The reference is: another model (`ref_model_name_or_path`); else what the training starts from,
as the model without the new adapter (LoRA), a frozen copy of the adapter that is trained further,
or a second copy (full weights); or its log-probabilities, computed once (`reference.py`); or
nothing (`reference_free`). Dropout is off in both. Prompt, chosen and rejected are tokenised once,
apart; TRL would render prompt and response again and move the border to where the ids differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignray.config.dpo import DPOStageConfig
from alignray.errors import ChatError
from alignray.sources import SourceAudit, load_preferences
from alignray.training.rows.encoding import (
    TOO_LONG,
    UNREADABLE,
    EncodedRows,
    Limits,
    Row,
    Skipped,
    TokenColumns,
)

if TYPE_CHECKING:
    from transformers import Trainer

    from alignray.chat import ChatTokenizer
    from alignray.training.method import TrainerParts

IDENTICAL = "identical_answers"


@dataclass(frozen=True)
class DPOMethod:
    """DPO as `training/on_ray.py` launches it."""

    config: DPOStageConfig
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

    def arrange(self, encoded: EncodedRows, max_length: int) -> list[Row]:
        """Pairs with their lengths, by which they are grouped."""
        return [
            {**columns, "names": [name], "length": count_pair_tokens(columns)}
            for columns, name in zip(encoded.rows, encoded.names, strict=True)
        ]

    def build_trainer(self, parts: TrainerParts) -> Trainer:
        """TRL's DPOTrainer with our loss and batches."""
        from trl import DPOConfig

        from alignray.training.dpo_trainer import PairTrainer
        from alignray.training.pair_layout import PairCollator, choose_layout

        layout = choose_layout(self.config)
        has_reference = not self.config.reference_free and parts.live_reference
        arguments = DPOConfig(
            **parts.arguments,
            max_length=None,
            beta=self.config.beta,
            disable_dropout=True,
            # Keeps TRL from loading a second copy of the model that nothing would ask.
            precompute_ref_log_probs=not has_reference,
        )
        return PairTrainer(
            suite_config=self.config,
            layout=layout,
            model=parts.load_policy(),
            ref_model=parts.load_reference() if has_reference else None,
            args=arguments,
            data_collator=PairCollator(parts.pad_token_id, layout),
            train_dataset=parts.train_dataset,
            eval_dataset=parts.eval_dataset,
            processing_class=parts.tokenizer,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )


def count_pair_tokens(columns: TokenColumns) -> int:
    """Tokens of a pair with its prompt once."""
    return sum(len(columns[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids"))


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
