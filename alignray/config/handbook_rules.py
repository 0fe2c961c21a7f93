"""Rules for keys of alignment-handbook's recipes that say how it is trained, measured and kept."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from alignray.config.handbook_model import Context

_NEEDS_GPU = {"adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"}
_OPTIMIZERS = {
    "adamw_hf": "adamw_torch",
    "adamw_bnb_8bit": "adamw_8bit",
    "paged_adamw": "paged_adamw_32bit",
}
_COSINES = ("cosine_with_min_lr", "cosine_with_restarts", "cosine_warmup_with_min_lr")
_TRACKERS = ("tensorboard", "wandb")


def read_batch(context: Context, key: str, value: Any) -> None:
    """Micro-batch and accumulation steps: with the workers, the global batch."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise context.recipe.fail(key, f"is {value!r}", "a number, at least 1")
    if key == "per_device_train_batch_size":
        context.map(key, f"resources.{key}", value)
    else:
        batch, why = compute_batch(context)
        context.map(key, "train_batch_size", batch, why)


def compute_batch(context: Context) -> tuple[int, str]:
    """Rows of one optimizer step over all workers, and how they come about."""
    rows = context.given.get("per_device_train_batch_size") or 8
    steps = context.given.get("gradient_accumulation_steps") or 1
    why = f"{rows} rows x {steps} to accumulate x {context.workers} workers"
    return rows * steps * context.workers, why


def read_max_steps(context: Context, key: str, value: Any) -> None:
    """-1 is none."""
    if value > 0:
        context.map(key, key, value)
    else:
        context.out.ignore(key, f"{value}: num_train_epochs says it")


def read_eval_strategy(context: Context, key: str, value: Any) -> None:
    """`no` with do_eval is a measurement at the end."""
    strategy = "no" if value is False else value
    if strategy == "no" and context.evaluates:
        why = "do_eval is on: the handbook measures at the end"
        context.map(key, "eval_strategy", "epoch", why)
    else:
        context.map(key, "eval_strategy", strategy)


def read_do_eval(context: Context, key: str, value: Any) -> None:
    """Says something only without eval_strategy."""
    if "eval_strategy" in context.given or "evaluation_strategy" in context.given:
        context.out.ignore(key, "eval_strategy says it")
    else:
        context.map(key, "eval_strategy", "epoch" if value else "no")


def read_steps(context: Context, key: str, value: Any) -> None:
    """A number of steps; below 1 it would be a share of them."""
    if key == "eval_steps" and value == 0:
        context.out.ignore(key, "0: logging_steps says it, as in transformers")
    elif value < 1:
        context.out.refuse(key, f"{value} is a share of the steps, {key} is a number of steps")
    else:
        context.map(key, key, value)


def add_eval_steps(context: Context) -> None:
    """Without `eval_steps`, transformers measures every `logging_steps`."""
    if context.out.content.get("eval_strategy") != "steps" or context.given.get("eval_steps"):
        return
    steps = context.given.get("logging_steps")
    if steps is None:
        steps, why = (500, "transformers'") if context.is_old else (10, "TRL's")
        context.out.assume("eval_steps", steps, f"{why} default of logging_steps")
    elif steps >= 1:
        context.out.assume("eval_steps", steps, "logging_steps, as transformers does")
    else:
        why = f"it would be logging_steps, {steps}: a share of the steps; set eval_steps"
        context.out.refuse("eval_steps (not in the file)", why)


def read_warmup_steps(context: Context, key: str, value: Any) -> None:
    """A number of steps, or a share of them below 1."""
    context.map(key, "warmup_ratio" if 0 < value < 1 else key, value)


def read_cadence(context: Context, key: str, value: Any) -> None:
    """`save_strategy`, `logging_strategy`: by steps here."""
    steps = key.replace("_strategy", "_steps")
    if value == "steps":
        context.out.ignore(key, "so it is here")
    else:
        what = "a restart goes on from" if key == "save_strategy" else "the loss curve is made of"
        context.out.refuse(key, f"{value}; every {steps} steps there is what {what}")


def read_optimizer(context: Context, key: str, value: Any) -> None:
    """Other names for the same; those of bitsandbytes run on GPUs alone."""
    name = _OPTIMIZERS.get(value, value)
    if name in _NEEDS_GPU and not context.has_gpu:
        context.map(key, "optim", "adamw_torch", f"{value} needs a GPU (bitsandbytes)")
    else:
        context.map(key, "optim", name)


def read_scheduler(context: Context, key: str, value: Any) -> None:
    """Cosines that do not end at 0 become the one that does."""
    if value in _COSINES:
        context.map(key, key, "cosine", f"{value} is not offered: falls to 0, once")
    else:
        context.map(key, key, value)


def read_trackers(context: Context, key: str, value: Any) -> None:
    """TensorBoard and wandb; others are named."""
    given = [value] if isinstance(value, str) else list(value)
    given = list(_TRACKERS) if given == ["all"] else [name for name in given if name != "none"]
    other = [name for name in given if name not in _TRACKERS]
    why = f"not offered: {', '.join(other)}" if other else ""
    context.map(key, key, [name for name in given if name in _TRACKERS], why)


def read_push(context: Context, key: str, value: Any) -> None:
    """Without a name, transformers takes that of the directory."""
    context.map(key, key, value)
    if not value:
        return
    if not context.given.get("hub_model_id"):
        name = PurePath(str(context.given.get("output_dir", ""))).name
        context.out.assume("hub_model_id", name, "the name of output_dir")
    if context.given.get("hub_private_repo") is None:
        context.out.assume("hub_private_repo", True, "a new repository is private unless told")


def read_best(context: Context, key: str, value: Any) -> None:
    """`load_best_model_at_end` and the metric it goes by."""
    wanted = bool(context.given.get("load_best_model_at_end"))
    if not wanted or not (context.evaluates and context.plan.tests):
        context.out.ignore(key, "nothing is measured" if wanted else "the last weights are kept")
    elif key == "load_best_model_at_end":
        metric = str(context.given.get("metric_for_best_model") or "loss")
        metric = metric if metric.startswith("eval_") else f"eval_{metric}"
        context.map(key, "metric_for_best_model", metric)
    elif key == "greater_is_better":
        context.map(key, key, value)
    else:
        context.out.ignore(key, "said with load_best_model_at_end")


def read_order(context: Context, key: str, value: Any) -> None:
    """`group_by_length`, and its newer name."""
    value = {True: "group_by_length", False: "random"}.get(value, value)
    if value in ("group_by_length", "random"):
        context.map(key, "train_sampling_strategy", value)
    else:
        context.out.refuse(key, f"{value} is not offered")


def read_loss_on(context: Context, key: str, value: Any) -> None:
    """`assistant_only_loss`, `completion_only_loss`."""
    context.map(key, "loss_on", "responses" if value else "all")


def read_truncation_side(context: Context, key: str, value: Any) -> None:
    """The side that is cut; pairs are always cut on the left by the handbook's script."""
    if context.verb == "dpo":
        context.out.ignore(key, "a pair loses the start of its prompt first, as in the handbook")
    else:
        kept = {"left": "keep_end", "right": "keep_start"}.get(value, value)
        context.map(key, "truncation_mode", kept)


def read_loss_type(context: Context, key: str, value: Any) -> None:
    """One loss or several, their weights; `rpo_alpha` adds a likelihood term."""
    alpha = context.given.get("rpo_alpha")
    weights = context.given.get("loss_weights")
    if weights is not None and not isinstance(weights, list):
        raise context.recipe.fail("loss_weights", f"is {weights!r}", "a list of numbers")
    types = context.given.get("loss_type") or "sigmoid"
    types = [types] if isinstance(types, str) else list(types)
    if context.verb == "sft":
        context.map(key, key, value)
    elif alpha is None:
        context.map(key, key, types if key == "loss_type" else weights)
    elif key == "rpo_alpha":
        weights = [*(weights or [1.0] * len(types)), alpha]
        context.out.set("loss_weights", weights)
        context.map(key, "loss_type", [*types, "sft"], f"with loss_weights={weights}")
    else:
        context.out.ignore(key, "said with rpo_alpha")


def read_divergence(context: Context, key: str, value: Any) -> None:
    """The reverse Kullback-Leibler divergence is DPO's own."""
    if value == "reverse_kl":
        context.out.ignore(key, "so it is here")
    else:
        context.out.refuse(key, f"{value} is not offered")


def read_same(context: Context, key: str, value: Any) -> None:
    """Taken as it is."""
    context.map(key, key, value)


def read_place(context: Context, key: str, value: Any) -> None:
    """`use_cpu`."""
    context.out.ignore(key, "said with resources.num_gpus")
