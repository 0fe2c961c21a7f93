"""TRL's DPOTrainer on rows that hold token ids already."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from trl import DPOTrainer


class TokenizedDPOTrainer(DPOTrainer):
    """DPOTrainer that takes `prompt_ids`, `chosen_ids` and `rejected_ids` as they are.

    TRL 1.16 has no public way in for tokenised pairs (SFTTrainer has `skip_prepare_dataset`), and
    would render the messages itself: special tokens in user text would become control tokens.
    """

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None per checkpoint: the stage writes one at the end."""
