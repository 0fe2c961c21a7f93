"""Supervised fine-tuning: dialogues -> sequences of token ids with labels.

Labels are -100 on everything but what has a loss: by default assistant contents and the end of
their turns, the first token of a response among them (contents are tokenised apart from the
template). Reference systems 0 and 2 take the loss over every token (`loss_on: all`).

The loss and its reductions are in `sft_loss.py`, packing in `rows/packing.py`, the trainer in
`sft_trainer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from alignray.config.sft import SFTStageConfig
from alignray.errors import ChatError
from alignray.sources import SourceAudit, load_dialogues
from alignray.training.rows.encoding import (
    IGNORED,
    NO_RESPONSE,
    TOO_LONG,
    UNREADABLE,
    EncodedRows,
    Limits,
    Row,
    Skipped,
    TokenColumns,
)
from alignray.training.rows.packing import pack_rows

if TYPE_CHECKING:
    from transformers import Trainer

    from alignray.chat import ChatTokenizer
    from alignray.training.method import TrainerParts


@dataclass(frozen=True)
class SFTMethod:
    """SFT as `training/on_ray.py` launches it."""

    config: SFTStageConfig
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
        mask = choose_loss_mask(dialogue.loss_mask, self.config.loss_on)
        return build_sft_columns(dialogue.input_ids, mask, limits)

    def arrange(self, encoded: EncodedRows, max_length: int) -> list[Row]:
        """Sequences of one row each, or of several where they are packed."""
        lengths = [len(columns["input_ids"]) for columns in encoded.rows]
        packs = [[row] for row in range(len(lengths))]
        if self.config.packing:
            packs = pack_rows(lengths, max_length)
        return [build_sequence(encoded, pack) for pack in packs]

    def build_trainer(self, parts: TrainerParts) -> Trainer:
        """TRL's SFTTrainer with our loss and batches."""
        from trl import SFTConfig

        from alignray.training.sft_trainer import SFTCollator, WeightedSFTTrainer

        arguments = SFTConfig(
            **parts.arguments,
            max_length=None,
            loss_type=self.config.loss_type,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        return WeightedSFTTrainer(
            suite_config=self.config,
            model=parts.load_policy(),
            args=arguments,
            data_collator=SFTCollator(self.config, parts.pad_token_id),
            train_dataset=parts.train_dataset,
            eval_dataset=parts.eval_dataset,
            processing_class=parts.tokenizer,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )


def choose_loss_mask(
    mask: list[int], loss_on: Literal["responses", "last_response", "all"]
) -> list[int]:
    """The tokens with a loss, out of those that assistants wrote (1)."""
    if loss_on == "all":
        return [1] * len(mask)
    if loss_on == "responses" or 1 not in mask:
        return mask
    end = len(mask) - mask[::-1].index(1)
    start = next((at for at in range(end - 1, -1, -1) if not mask[at]), -1) + 1
    return [0] * start + [1] * (end - start) + [0] * (len(mask) - end)


def build_sequence(encoded: EncodedRows, rows: Sequence[int]) -> Row:
    """Rows one after the other: `input_ids`, `labels`, and by row `lengths`, `weights`, `names`."""
    columns = [encoded.rows[row] for row in rows]
    lengths = [len(one["input_ids"]) for one in columns]
    return {
        "input_ids": [token for one in columns for token in one["input_ids"]],
        "labels": [label for one in columns for label in one["labels"]],
        "lengths": lengths,
        "weights": [encoded.weights[row] for row in rows],
        "names": [encoded.names[row] for row in rows],
        "length": sum(lengths),
    }


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
        return Skipped(NO_RESPONSE)
    labels = [token if counts else IGNORED for token, counts in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "labels": labels}, was_cut
