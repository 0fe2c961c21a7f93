"""What happens beside the training steps: checkpoints committed, progress told, NaN stopped."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch.distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignray.durable import write_json
from alignray.errors import TrainingError
from alignray.training.checkpoints import Layout, commit_checkpoint, prune_checkpoints

_DIVERGED = "lower learning_rate, or raise warmup_ratio"


class CheckpointCommitter(TrainerCallback):
    """Commits each checkpoint once all workers have written their part, then prunes old ones.

    Also asks for a point of the loss curve at each checkpoint: the running mean of the loss is not
    part of a checkpoint, so only then is the curve of a resumed run that of an undisturbed one.
    """

    def __init__(self, checkpoints_dir: Path, layout: Layout, keep: int) -> None:
        self.checkpoints_dir = checkpoints_dir
        self.layout = layout
        self.keep = keep

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Asks for a log entry at each checkpoint."""
        if control.should_save:
            control.should_log = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Commits and prunes, on worker 0, once all are done."""
        _wait_for_workers()
        if state.is_world_process_zero:
            commit_checkpoint(self.checkpoints_dir / f"checkpoint-{state.global_step}", self.layout)
            prune_checkpoints(self.checkpoints_dir, self.keep)
        _wait_for_workers()


class LossGuard(TrainerCallback):
    """Ends the run at the first loss or gradient norm that is not a number."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Checks what is logged."""
        for name in ("loss", "grad_norm", "eval_loss"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(value):
                where = f"step {state.global_step}"
                raise TrainingError(where, f"{name} is {value}", "a finite number", _DIVERGED)


class ProgressTeller(TrainerCallback):
    """Writes logs/progress.json on worker 0 for whoever watches the stage."""

    def __init__(self, path: Path, seconds: float = 0.5) -> None:
        self.path = path
        self.seconds = seconds
        self.begun = 0.0
        self.started = 0.0
        self.first_step = 0
        self.first_tokens = 0
        self.last_written = 0.0
        self.losses: dict[str, float | None] = {"loss": None, "eval_loss": None}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Takes the first state."""
        self.begun, self.started = time.time(), time.monotonic()
        self.first_step, self.first_tokens = state.global_step, int(state.num_input_tokens_seen)
        self._tell(state)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Remembers the losses."""
        for name in self.losses:
            self.losses[name] = (logs or {}).get(name, self.losses[name])

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Tells how far the run is, not too often."""
        if time.monotonic() - self.last_written >= self.seconds:
            self._tell(state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Tells the last state, with the losses of the last step."""
        self._tell(state)

    def _tell(self, state: TrainerState) -> None:
        if not state.is_world_process_zero:
            return
        self.last_written = time.monotonic()
        seconds = max(self.last_written - self.started, 1e-6)
        steps = state.global_step - self.first_step
        left = state.max_steps - state.global_step
        tokens = state.num_input_tokens_seen - self.first_tokens
        progress = {
            "begun": self.begun,
            "first_step": self.first_step,
            "step": state.global_step,
            "steps": state.max_steps,
            **self.losses,
            "first_tokens": self.first_tokens,
            "tokens": int(state.num_input_tokens_seen),
            "tokens_per_second": round(tokens / seconds, 1),
            "eta_seconds": round(left * seconds / steps, 1) if steps else None,
        }
        write_json(self.path, progress)


def _wait_for_workers() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
