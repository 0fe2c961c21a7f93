"""What a training method is to its launcher: rows in, columns of tokens, a trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from alignray.config.training import TrainingConfig
from alignray.sources import SourceAudit
from alignray.training.rows.encoding import EncodedRows, Limits, Row, Skipped, TokenColumns

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftConfig, PeftModel
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        Trainer,
        TrainerCallback,
    )

    from alignray.chat import ChatTokenizer


@dataclass(frozen=True)
class TrainerParts:
    """What a worker hands to a method to build its trainer from."""

    config: TrainingConfig
    arguments: dict[str, Any]
    """Keyword arguments of TRL's configuration that all methods share."""
    load_policy: Callable[[], str | PeftModel]
    """The model's directory or id, or the model with the adapter it goes on from. Called after
    TRL's configuration is built, which is what makes ZeRO-3 shard the weights while they load."""
    peft_config: PeftConfig | None
    """A new adapter; None for full weights or where an adapter is gone on from."""
    load_reference: Callable[[], PreTrainedModel | None]
    """The reference model, where it is not what the training starts from."""
    live_reference: bool
    """Whether the reference is asked in training; else rows hold its log-probabilities."""
    tokenizer: PreTrainedTokenizerBase
    train_dataset: Dataset
    eval_dataset: Dataset | None
    callbacks: list[TrainerCallback]

    @property
    def pad_token_id(self) -> int:
        """The token that fills up batches; masked everywhere, so any will do."""
        tokenizer = self.tokenizer
        found = tokenizer.pad_token_id
        return int(found if found is not None else tokenizer.eos_token_id)


class RowMethod(Protocol):
    """What reads and encodes rows."""

    def load_rows(self, dataset: str, audit: SourceAudit) -> Iterator[Mapping[str, Any]]:
        """The rows of a data set, in order; `audit` takes those that its source leaves out.

        Raises:
            SourceError: it is missing or has the wrong shape.
        """

    def encode(
        self, row: Mapping[str, Any], tokenizer: ChatTokenizer, limits: Limits
    ) -> tuple[TokenColumns, bool] | Skipped:
        """One row as columns of tokens and whether it was cut, or why it is left out."""


class Method(RowMethod, Protocol):
    """One training method. Pickled to the workers, so a top-level class with plain attributes."""

    @property
    def verb(self) -> str:
        """The verb of `alignray <verb>`."""

    @property
    def title(self) -> str:
        """The method's name on the model card."""

    def arrange(self, encoded: EncodedRows, max_length: int) -> list[Row]:
        """Encoded rows as the trainer takes them."""

    def build_trainer(self, parts: TrainerParts) -> Trainer:
        """The trainer, on a worker whose process group is up."""
