"""What the model answers while it trains: greedy answers to a few evaluation prompts.

At each evaluation the first `eval_samples` prompts of eval_dataset are answered, and the answers go
to logs/samples.jsonl and nowhere else. All workers answer all of them, in step: under ZeRO-3 every
forward pass gathers weights from every worker. Greedy decoding draws no random numbers; the state
of the generators is put back all the same, so that the training goes on as if nothing were asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import torch.distributed
from transformers import (
    GenerationConfig,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from alignray.chat import ChatTokenizer
from alignray.config.training import TrainingConfig
from alignray.durable import write_text
from alignray.training.policy import get_context_length
from alignray.training.rows.encoding import IGNORED


@dataclass(frozen=True)
class SamplePrompt:
    """A prompt to answer, by its row's name."""

    row: str
    ids: list[int]


def select_prompts(eval_table: pa.Table, count: int) -> list[SamplePrompt]:
    """The prompts of the first rows; rows without one (a loss on every token) have none."""
    rows = eval_table.slice(0, count).to_pylist()
    prompts = [
        SamplePrompt(str((row.get("names") or [index])[0]), take_prompt(row))
        for index, row in enumerate(rows)
    ]
    return [prompt for prompt in prompts if prompt.ids]


def take_prompt(row: Mapping[str, Any]) -> list[int]:
    """The prompt's token ids: `prompt_ids` of a pair, else what stands before the first label."""
    if "prompt_ids" in row:
        return list(row["prompt_ids"])
    first = next((at for at, label in enumerate(row["labels"]) if label != IGNORED), 0)
    return list(row["input_ids"][:first])


def pad_left(rows: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask [rows, longest], filled up on the left."""
    longest = max(map(len, rows))
    ids = [[pad] * (longest - len(row)) + list(row) for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)


def keep_until(path: Path, step: int) -> None:
    """Drops the lines of later steps, and a torn last one, that a killed run left."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    write_text(path, "".join(kept))


class SampleWriter(TrainerCallback):
    """Answers the prompts at each evaluation, on all workers; worker 0 writes."""

    def __init__(
        self,
        path: Path,
        prompts: Sequence[SamplePrompt],
        tokenizer: ChatTokenizer,
        config: TrainingConfig,
    ) -> None:
        self.path = path
        self.prompts = prompts
        self.tokenizer = tokenizer
        self.max_new_tokens = config.eval_max_new_tokens
        self.batch_size = config.resources.per_device_train_batch_size
        self.context = get_context_length(config)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Drops what a killed run wrote past the checkpoint that is gone on from."""
        if state.is_world_process_zero:
            keep_until(self.path, state.global_step)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Answers and writes."""
        lines = []
        for start in range(0, len(self.prompts), self.batch_size):
            prompts = self.prompts[start : start + self.batch_size]
            for prompt, answer in zip(prompts, self._answer(model, prompts), strict=True):
                line = {"step": state.global_step, "row": prompt.row}
                line |= {"prompt_tokens": len(prompt.ids), "response": answer}
                lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        if state.is_world_process_zero:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.writelines(lines)

    def _answer(self, model: Any, prompts: Sequence[SamplePrompt]) -> list[str]:
        pad = self.tokenizer.tokenizer.pad_token_id
        ids_BT, mask_BT = pad_left([prompt.ids for prompt in prompts], 0 if pad is None else pad)
        room = self.max_new_tokens if self.context is None else self.context - ids_BT.shape[1]
        settings = GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=max(1, min(self.max_new_tokens, room)),
            eos_token_id=self.tokenizer.stop_token_ids,
            pad_token_id=0 if pad is None else pad,
            use_cache=True,
        )
        output_BT = generate(model, ids_BT, mask_BT, settings)
        answers = output_BT[:, ids_BT.shape[1] :].tolist()
        return [self.tokenizer.decode(self._cut(answer)) for answer in answers]

    def _cut(self, answer: list[int]) -> list[int]:
        """Up to the token that ends the turn."""
        stops = (at for at, token in enumerate(answer) if token in self.tokenizer.stop_token_ids)
        return answer[: next(stops, len(answer))]


def generate(
    model: Any, ids_BT: torch.Tensor, mask_BT: torch.Tensor, settings: GenerationConfig
) -> torch.Tensor:
    """Prompt and answer [rows, tokens]; mode and random state of the model are as before."""
    distributed = torch.distributed.is_initialized()
    device = next(model.parameters()).device
    devices = [device] if device.type == "cuda" else []
    was_training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            output_BT: torch.Tensor = model.generate(
                input_ids=ids_BT.to(device),
                attention_mask=mask_BT.to(device),
                generation_config=settings,
                synced_gpus=distributed and torch.distributed.get_world_size() > 1,
            )
    finally:
        model.train(was_training)
    return output_BT
