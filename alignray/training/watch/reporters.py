"""Curves to TensorBoard and wandb, by transformers' own callbacks, into the stage's logs/.

A stage is one run there, however often it was killed: TensorBoard drops what was logged past the
checkpoint that is gone on from (`purge_step`), wandb gets the stage's fingerprint as the id of the
run. Offline, wandb writes a folder per start, all with that id: `wandb sync` joins them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback, WandbCallback

_WANDB_DEFAULTS = {
    "WANDB_MODE": "offline",
    "WANDB_PROJECT": "alignray",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_ERROR_REPORTING": "false",
}
"""What holds unless the environment says otherwise; nothing leaves the machine by default."""


class StageTensorBoard(TensorBoardCallback):
    """transformers' callback, with events of steps that a resumed run repeats dropped."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.logging_dir = str(directory)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **model: Any
    ) -> None:
        """Opens the next event file of the run, on worker 0."""
        if state.is_world_process_zero:
            after = state.global_step + 1
            self.tb_writer = self._SummaryWriter(log_dir=self.logging_dir, purge_step=after)
        super().on_train_begin(args, state, control, **model)


class StageWandb(WandbCallback):
    """transformers' callback, with the run closed at the end: workers do not exit on their own."""

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **model: Any
    ) -> None:
        """Closes the run on worker 0, which has the only one."""
        super().on_train_end(args, state, control, **model)
        if state.is_world_process_zero:
            self._wandb.finish()


def build_wandb(logs_dir: Path, name: str, fingerprint: str) -> StageWandb:
    """The callback; wandb reads its settings from the environment, which is set here.

    Args:
        logs_dir: the stage's logs/; wandb makes a folder `wandb` in it.
        name: name of the run.
        fingerprint: the stage's fingerprint, the id of the run.
    """
    for setting, value in (_WANDB_DEFAULTS | {"WANDB_CACHE_DIR": str(logs_dir / "wandb")}).items():
        os.environ.setdefault(setting, value)
    run = {"WANDB_DIR": str(logs_dir), "WANDB_RUN_ID": fingerprint, "WANDB_NAME": name}
    os.environ.update(run, WANDB_RESUME="allow")
    return StageWandb()
