"""One training as it travels to the workers, and the names of what it leaves in its directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.config.training import TrainingConfig
from alignray.training.checkpoints import Layout
from alignray.training.method import Method
from alignray.training.strategy import Strategy

MODEL_DIR = "model"
CHECKPOINTS_DIR = "checkpoints"
LOGS_DIR = "logs"
PROGRESS_NAME = "progress.json"
SUMMARY_NAME = "summary.json"
"""In checkpoints/: what the trainer measured; written after the model, which it completes."""
FAILURE_NAME = "failure.json"
"""In checkpoints/: why a run stopped that would stop in the same way if it were restarted."""


@dataclass(frozen=True)
class TrainJob:
    """One training as it travels to the workers."""

    config: TrainingConfig
    method: Method
    strategy: Strategy
    stage_dir: Path
    train_rows: Any
    """Ray object reference of an Arrow table of token columns, whole global batches."""
    eval_rows: Any | None
    """The same of the rows that are not trained on."""

    @property
    def checkpoints_dir(self) -> Path:
        """Where checkpoints and the summary go."""
        return self.stage_dir / CHECKPOINTS_DIR

    @property
    def layout(self) -> Layout:
        """What its checkpoints are bound to; sharded ones to the number of workers as well."""
        layout: Layout = {"strategy": self.strategy.name}
        if self.strategy.name != "replicated":
            layout["num_workers"] = self.config.resources.num_workers
        return layout
