"""metrics.json of a training: the curve, the last values, the costs, the rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.artifacts import Counts
from alignray.training.rows.encoding import EncodedRows

# num_tokens is TRL's own count, which starts again at a resume; `num_input_tokens_seen` does not.
_DROPPED = ("num_tokens", "total_flos", "train_runtime", "train_samples_per_second")


def build_metrics(
    summary: Mapping[str, Any], encoded: EncodedRows, repeated: int
) -> dict[str, Any]:
    """The metrics of a finished training.

    Keys keep TRL's names. `curve` has one entry per logging step: `step`, `epoch`, `loss`,
    `grad_norm`, `learning_rate`, and for DPO `rewards/chosen`, `rewards/rejected`,
    `rewards/accuracies`, `rewards/margins`, `logps/*` (means over the steps since the entry
    before). The last entry's values are repeated at the top, `loss` as the mean of the last tenth
    of the curve (`loss_steps`, first and last), `first_loss` as its first value; `eval_*` are those
    of `eval_step`: the step whose weights are the result (`result_step`), the last one or the best
    by `metric_for_best_model`, if it was measured.
    """
    history = [_clean(entry) for entry in summary["log_history"]]
    curve = [entry for entry in history if "loss" in entry]
    evaluations = [entry for entry in history if "eval_loss" in entry]
    result_step = summary["steps"] if summary["best_step"] is None else summary["best_step"]
    metrics: dict[str, Any] = {
        "steps": summary["steps"],
        "result_step": result_step,
        "epochs": summary["epochs"],
        "tokens": summary["tokens"],
        "resumed_from": summary["resumed_from"],
        "rows": {**encoded.summarize(), "rows_repeated": repeated},
        "setup_seconds": summary["setup_seconds"],
        "train_seconds": summary["train_seconds"],
        "save_seconds": summary["save_seconds"],
        "curve": curve,
        "evaluations": evaluations,
    }
    judged = [entry for entry in evaluations if entry["step"] == result_step]
    judged = (judged or evaluations)[-1:]
    for entry in (*curve[-1:], *judged):
        metrics |= {name: value for name, value in entry.items() if _is_result(name)}
    if judged:
        metrics["eval_step"] = judged[0]["step"]
    if curve:
        tail = curve[-max(1, len(curve) // 10) :]
        before = curve[-len(tail) - 1]["step"] if len(curve) > len(tail) else 0
        metrics["first_loss"] = curve[0]["loss"]
        metrics["loss"] = sum(entry["loss"] for entry in tail) / len(tail)
        metrics["loss_steps"] = [before + 1, tail[-1]["step"]]
    return metrics


def build_counts(encoded: EncodedRows) -> Counts:
    """Rows in = rows trained on + rows left out with a reason."""
    used, skipped = encoded.num_used, encoded.num_skipped
    return Counts(used + skipped, used, unscored=skipped)


def _is_result(name: str) -> bool:
    return "/" in name or name.endswith(("loss", "perplexity"))


def _clean(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _DROPPED}
