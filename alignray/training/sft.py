"""Supervised fine-tuning on the assistant turns of dialogues.

    L = - 1/T  sum over response tokens t of  log p(y_t | y_<t)

with T the response tokens of the whole global batch (all workers, all accumulation steps): every
token counts the same, whatever the layout. `dft` weighs each term by the (detached) probability of
its token (Wu et al. 2025, arXiv 2508.05629).

Reference system 2 differs: it takes the loss over every token, human turns included, and divides
per micro-batch. Labels here are -100 on everything but assistant content and the end of its turn.

Covered: the loss and its labels. Not covered: packing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignray.config.sft import SFTStageConfig
from alignray.errors import ChatError
from alignray.sources import SourceAudit, load_dialogues
from alignray.training.encoding import (
    NO_RESPONSE,
    TOO_LONG,
    UNREADABLE,
    Limits,
    Skipped,
    TokenColumns,
)

if TYPE_CHECKING:
    from transformers import Trainer

    from alignray.chat import ChatTokenizer
    from alignray.training.method import TrainerParts

IGNORED = -100
"""Label of a token without loss."""


@dataclass(frozen=True)
class SFTMethod:
    """SFT as `training/on_ray.py` launches it."""

    verb: str = "sft"
    title: str = "Supervised fine-tuning"

    def load_rows(self, dataset: str, audit: SourceAudit) -> Iterator[Mapping[str, Any]]:
        """Rows with `messages`; dialogues have no ids, so they are named by their position."""
        for messages in load_dialogues(dataset, audit=audit):
            yield {"source": f"row {audit.rows - 1}", "messages": messages}

    def encode(
        self, row: Mapping[str, Any], tokenizer: ChatTokenizer, limits: Limits
    ) -> tuple[TokenColumns, bool] | Skipped:
        """A dialogue as `input_ids` and `labels`."""
        try:
            dialogue = tokenizer.encode_dialogue(row["messages"])
        except ChatError:
            return Skipped(UNREADABLE)
        return build_sft_columns(dialogue.input_ids, dialogue.loss_mask, limits)

    def build_trainer(self, parts: TrainerParts) -> Trainer:
        """TRL's SFTTrainer, configured."""
        from trl import SFTConfig, SFTTrainer

        config = parts.config
        assert isinstance(config, SFTStageConfig)
        arguments = SFTConfig(
            **parts.arguments,
            max_length=None,
            loss_type=config.loss_type,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        return SFTTrainer(
            model=parts.load_policy(),
            args=arguments,
            train_dataset=parts.train_dataset,
            eval_dataset=parts.eval_dataset,
            processing_class=parts.tokenizer,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )


def build_sft_columns(
    input_ids: list[int], loss_mask: list[int], limits: Limits
) -> tuple[TokenColumns, bool] | Skipped:
    """Labels from a loss mask (1 = response token), within the limits.

    Returns:
        The columns and whether the row was cut, or why it is left out: longer than max_length, or
        no response token (left) that is predicted from anything.
    """
    was_cut = len(input_ids) > limits.max_length
    if was_cut and limits.truncation_mode == "none":
        return Skipped(TOO_LONG)
    kept = slice(None, limits.max_length)
    if limits.truncation_mode == "keep_end":
        kept = slice(-limits.max_length, None)
    ids, mask = list(input_ids[kept]), list(loss_mask[kept])
    if not any(mask[1:]):
        return Skipped(TOO_LONG if any(loss_mask[1:]) else NO_RESPONSE)
    labels = [token if counts else IGNORED for token, counts in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "labels": labels}, was_cut
