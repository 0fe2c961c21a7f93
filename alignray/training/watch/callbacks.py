"""What happens beside the training steps: checkpoints committed, progress told, NaN stopped."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignray.durable import write_json
from alignray.errors import TrainingError
from alignray.training.checkpoints import (
    Layout,
    commit_checkpoint,
    name_checkpoint,
    prune_checkpoints,
    read_manifest,
)
from alignray.training.process_group import ask_first, wait_for_workers

_DIVERGED = "lower learning_rate, or raise warmup_ratio"


class CheckpointCommitter(TrainerCallback):
    """Commits each checkpoint once all workers have written their part, then prunes old ones.

    Also asks for a point of the loss curve at each checkpoint: the running mean of the loss is not
    part of a checkpoint, so only then is the curve of a resumed run that of an undisturbed one.
    """

    def __init__(
        self, checkpoints_dir: Path, layout: Layout, save_steps: int, save_total_limit: int
    ) -> None:
        self.checkpoints_dir = checkpoints_dir
        self.layout = layout
        self.save_steps = save_steps
        self.save_total_limit = save_total_limit

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Asks for a checkpoint every `save_steps`, and for a log entry at each."""
        if state.global_step % self.save_steps == 0:
            control.should_save = True
        if control.should_save:
            control.should_log = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Commits and prunes, on worker 0, once all are done."""
        wait_for_workers()
        if state.is_world_process_zero:
            checkpoint = name_checkpoint(self.checkpoints_dir, state.global_step)
            commit_checkpoint(checkpoint, self.layout)
            best = state.best_global_step
            prune_checkpoints(self.checkpoints_dir, self.save_total_limit, best)
        wait_for_workers()


class BestKeeper(TrainerCallback):
    """Makes sure that the best checkpoint can be told, and be found again."""

    def __init__(self, checkpoints_dir: Path, metric: str) -> None:
        self.checkpoints_dir = checkpoints_dir
        self.metric = f"eval_{metric.removeprefix('eval_')}"

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Finds the best checkpoint so far; its stored path is wrong where the stage was moved."""
        if state.best_global_step is None:
            return
        checkpoint = name_checkpoint(self.checkpoints_dir, state.best_global_step)
        if not ask_first(lambda: read_manifest(checkpoint) is not None):
            newest = name_checkpoint(self.checkpoints_dir, state.global_step).name
            do = (
                f"{newest} is whole: take it with alignray export, or unset metric_for_best_model"
                " and train in another output_dir"
            )
            raise TrainingError(str(checkpoint), "the best checkpoint is damaged", "", do)
        state.best_model_checkpoint = str(checkpoint)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,
    ) -> None:
        """Checks that the metric is measured, and a number."""
        value = metrics.get(self.metric)
        if value is None:
            known = ", ".join(sorted(name for name in metrics if name.startswith("eval_")))
            found = f"{self.metric} is not measured"
            raise TrainingError("metric_for_best_model", found, f"one of {known}")
        if not math.isfinite(value):
            where = f"step {state.global_step}"
            raise TrainingError(where, f"{self.metric} is {value}", "a finite number", _DIVERGED)


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
