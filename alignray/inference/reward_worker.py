"""The process that holds a reward model: `python -m alignray.inference.reward_worker`.

One JSON object a line: settings in, `{"ready": true}` or `{"error": [...]}` out; then batches
`{"ids": [[...]], "types": [[...]]}` in and `{"rewards": [...]}` out. A process of its own because
what can end it (out of memory, a CUDA error, a hang) must not end the rows that are not to blame,
and because a killed process gives its GPU back. Texts never appear here: token ids alone do.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import time
from typing import Any, BinaryIO

from alignray.errors import AlignrayError, ModelError
from alignray.inference.reward_model import RewardModel, RewardModelSettings, load_reward_model

_ORPHAN_SECONDS = 1.0


def main() -> int:
    """Serves one parent until it closes the pipe, or is gone."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    threading.Thread(target=_follow_parent, args=(os.getppid(),), daemon=True).start()
    return serve(sys.stdin.buffer, answers)


def serve(requests: BinaryIO, answers: Any) -> int:
    """Loads the model that the first line describes and scores the batches of the others."""
    try:
        settings = RewardModelSettings(**json.loads(requests.readline()))
        model = load_reward_model(settings)
        prove_size(model, settings)
    except AlignrayError as error:
        parts = [error.where, error.found, error.expected, error.do]
        _write(answers, {"error": parts})
        return error.exit_code
    _write(answers, {"ready": True})
    for line in requests:
        batch = json.loads(line)
        _write(answers, {"rewards": model.score(batch["ids"], batch["types"])})
    return 0


def prove_size(model: RewardModel, settings: RewardModelSettings) -> None:
    """Scores the largest batch once on a GPU, where it may not fit.

    Raises:
        ModelError: it does not fit.
    """
    import torch

    if settings.device != "cuda":
        return
    size = max(1, settings.batch_tokens // settings.max_length)
    rows = [[1] * settings.max_length] * size
    try:
        model.score(rows, [[0] * settings.max_length] * size)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            settings.model,
            f"out of GPU memory with batches of {settings.batch_tokens} tokens",
            "room for one",
            "lower resources.batch_tokens",
        ) from error


def dump_settings(settings: RewardModelSettings) -> dict[str, Any]:
    """The settings as the first line says them."""
    return dataclasses.asdict(settings)


def _write(answers: Any, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[answers.write(data) :]


def _follow_parent(parent: int) -> None:
    """Ends this process when its parent is gone, even if the model hangs."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
