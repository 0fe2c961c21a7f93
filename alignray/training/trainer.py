"""What SFT and DPO trainers share on top of TRL's: order of rows, step schedule, loss guard.

Batches carry `rows`, the positions of their rows in the table, so that a loss that is not a number
names the rows it came from.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler

from alignray.config.training import TrainingConfig
from alignray.errors import TrainingError
from alignray.training.process_group import gather
from alignray.training.rows.batching import order_rows

_NAMES_SHOWN = 16
_DO = "look at these rows, lower learning_rate, or raise warmup_ratio"


class EpochSampler(Sampler[int]):
    """Row positions of the epoch that `get_epoch` says, in the order that `order` gives."""

    def __init__(
        self, num_rows: int, order: Callable[[int], list[int]], get_epoch: Callable[[], int]
    ) -> None:
        self._num_rows = num_rows
        self._order = order
        self._get_epoch = get_epoch

    def __len__(self) -> int:
        return self._num_rows

    def __iter__(self) -> Iterator[int]:
        return iter(self._order(self._get_epoch()))


class RowTrainerMixin:
    """Mixed into a TRL trainer, before it; `suite_config` is set before `Trainer.__init__`.

    A trainer says what its loss is a mean over (`count_items`), notes each row of an evaluation in
    `eval_rows`, and makes metrics of them (`measure_rows`).
    """

    suite_config: TrainingConfig
    eval_rows: dict[int, Any]
    """Row -> what this worker has measured of it in the evaluation under way."""
    count_items: Callable[[list[dict[str, torch.Tensor]]], int]
    """What the loss of these micro-batches of one worker is a mean over."""
    measure_rows: Callable[[dict[int, Any]], dict[str, float]]
    """Metrics of an eval set out of what `eval_rows` holds of each of its rows."""
    args: Any
    state: Any
    accelerator: Any
    train_dataset: Any
    eval_dataset: Any
    lr_scheduler: Any
    optimizer: Any
    model: Any

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        """The epoch follows from the step, so that a resumed run needs no one to tell it."""
        config, rows = self.suite_config, self.train_dataset
        steps_per_epoch = len(rows) // config.train_batch_size
        order = functools.partial(
            order_rows,
            rows["length"],
            config.train_batch_size,
            config.train_sampling_strategy,
            config.seed,
        )
        return EpochSampler(len(rows), order, lambda: self.state.global_step // steps_per_epoch)

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LambdaLR:
        """Transformers' schedules, and `step`: a factor after each epoch (PyTorch's StepLR)."""
        config = self.suite_config
        if config.lr_scheduler_type != "step" or self.lr_scheduler is not None:
            created: LambdaLR = super().create_scheduler(num_training_steps, optimizer)  # type: ignore[misc]
            return created
        factor = functools.partial(
            compute_step_factor,
            warmup_steps=self.args.get_warmup_steps(num_training_steps),
            steps_per_epoch=max(1, len(self.train_dataset) // config.train_batch_size),
            gamma=config.step_gamma,
        )
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def check_loss(self, loss: torch.Tensor, rows: torch.Tensor) -> None:
        """Ends the run on all workers where the loss is not a number on one, naming its rows.

        Raises:
            TrainingError: the loss of some worker's micro-batch is not finite.
        """
        broken = (~torch.isfinite(loss.detach())).any().to(torch.int32)
        anywhere = broken.clone()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(anywhere, torch.distributed.ReduceOp.MAX)
        if not anywhere.item():
            return
        found = self._gather_names(rows.tolist() if broken.item() else [])
        shown = ", ".join(found[:_NAMES_SHOWN]) + (", ..." if len(found) > _NAMES_SHOWN else "")
        raise TrainingError(
            f"step {self.state.global_step + 1}",
            f"loss is {loss.item() if broken.item() else float('nan')} on rows {shown}",
            "a finite number",
            _DO,
        )

    def _gather_names(self, rows: list[int]) -> list[str]:
        names = [name for row in rows for name in self._get_names(row)]
        return [name for part in gather(names) for name in part]

    def _get_names(self, row: int) -> list[str]:
        rows = self.train_dataset if self.model.training else self.eval_dataset
        names: list[str] = rows[row]["names"]
        return names

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> torch.Tensor | None:
        """What the loss of a global batch is a mean over, in all micro-batches and workers."""
        if not batch_samples:
            return None
        return sum_over_workers(torch.tensor(self.count_items(batch_samples), device=device))

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        """As TRL's, over rows: each counts once, whatever the batches and workers were."""
        self.eval_rows = {}
        output = super().evaluation_loop(*arguments, **options)  # type: ignore[misc]
        prefix = options.get("metric_key_prefix", "eval")
        rows = {row: found for part in gather(self.eval_rows) for row, found in part.items()}
        for name, value in self.measure_rows(rows).items():
            output.metrics[f"{prefix}_{name}"] = value
        return output

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None per checkpoint: the stage writes one at the end."""


def compute_step_factor(step: int, warmup_steps: int, steps_per_epoch: int, gamma: float) -> float:
    """Factor on the peak learning rate: linear warm-up, then `gamma ** epoch`."""
    if step < warmup_steps:
        return step / warmup_steps
    return float(gamma ** (step // steps_per_epoch))


def sum_over_workers(values: torch.Tensor) -> torch.Tensor:
    """The sum of a vector over all workers, in one message."""
    summed = values.detach().clone()
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(summed)
    return summed


def mean_or_nan(total: float, count: float) -> float:
    """Total over count; not a number over nothing."""
    return total / count if count else math.nan
