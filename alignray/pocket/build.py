"""Makes the pocket models: `python -m alignray.pocket.build [--out DIR] [--only base|judge]`.

Base first, then the judge from the base's saved weights. Each model's directory gets float16
safetensors (read back as float32), the tokenizer and `metrics.json`: seeds, the first losses one by
one, and what the model does on fresh prompts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from alignray.pocket import MODELS_DIR
from alignray.pocket.corpus import Dialogue, write_dialogues, write_judged
from alignray.pocket.judging import ASPECTS, build_judge_message, draw_judge_examples, draw_nonce
from alignray.pocket.learning import THREADS, Example, Schedule, build_llama, train_model
from alignray.pocket.measure import build_conversation, judge_rows, measure_base, measure_judge
from alignray.pocket.sampling import sample_responses
from alignray.pocket.tokenizer import train_tokenizer
from alignray.pocket.world import PocketPrompt, load_prompts

SEED: Final = 20
BASE_SCHEDULE: Final = Schedule(steps=800, batch_size=64, learning_rate=1e-2)
JUDGE_SCHEDULE: Final = Schedule(steps=400, batch_size=64, learning_rate=6e-3)
RECORDED_LOSSES: Final = 40

# The judge starts on written responses; from here on half of what it grades are the base's own
# samples, drawn plainly, under the careful system message (as a tuned model answers) and too hot
# (as a broken model answers).
WRITTEN_FIRST: Final = 3000
SAMPLED_SHARE: Final = 0.5
SAMPLE_PLAN: Final = (
    (2500, False, 1.0),
    (800, True, 1.0),
    (600, False, 1.3),
    (600, True, 1.3),
    (400, False, 1.7),
)

Rated = tuple[PocketPrompt, str]


def main() -> None:
    """Parses the command line, builds, writes, prints what was measured."""
    parser = argparse.ArgumentParser(prog="python -m alignray.pocket.build", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=MODELS_DIR, help="directory for base/ and judge/"
    )
    parser.add_argument(
        "--only", choices=("base", "judge"), help="build one of the two; the judge needs a base"
    )
    options = parser.parse_args()
    if options.only != "judge":
        print(json.dumps(build_base(options.out / "base"), indent=1))
    if options.only != "base":
        print(json.dumps(build_judge(options.out / "base", options.out / "judge"), indent=1))


def build_base(directory: Path) -> dict[str, Any]:
    """Trains, saves and measures pocket-base; returns what `metrics.json` holds."""
    started = time.monotonic()
    model, tokenizer, losses = train_base()
    save_model(model, tokenizer, directory)
    model, tokenizer = load_model(directory)
    prompts = load_prompts("eval")
    metrics = _describe_training(BASE_SCHEDULE, losses, started) | {
        "plain": measure_base(model, tokenizer, prompts, seed=SEED),
        "careful": measure_base(model, tokenizer, prompts, seed=SEED, careful=True),
    }
    return _write_metrics(directory, metrics)


def build_judge(base_directory: Path, directory: Path) -> dict[str, Any]:
    """Trains, saves and measures pocket-judge; returns what `metrics.json` holds."""
    started = time.monotonic()
    judge, tokenizer, losses = train_judge(base_directory)
    save_model(judge, tokenizer, directory)
    judge, tokenizer = load_model(directory)
    base, _ = load_model(base_directory)
    metrics = _describe_training(JUDGE_SCHEDULE, losses, started)
    for name, careful in (("plain", False), ("careful", True)):
        rated = sample_rated(base, tokenizer, load_prompts("eval"), SEED, careful)
        metrics[name] = measure_judge(judge_rows(judge, tokenizer, rated, SEED))
    return _write_metrics(directory, metrics)


def train_base(
    stop_after: int | None = None,
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, list[float]]:
    """pocket-base from nothing, its tokenizer, and the loss of every step."""
    tokenizer = train_tokenizer(_write_tokenizer_texts())
    model = build_llama(tokenizer, SEED)
    examples = (encode_dialogue(dialogue, tokenizer) for dialogue in write_dialogues(SEED + 1))
    return model, tokenizer, train_model(model, examples, BASE_SCHEDULE, stop_after)


def train_judge(
    base_directory: Path, stop_after: int | None = None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, list[float]]:
    """pocket-judge from a saved base, the base's tokenizer, and the loss of every step."""
    judge, tokenizer = load_model(base_directory)
    examples = draw_judge_examples(_draw_rated(base_directory), tokenizer, SEED)
    return judge, tokenizer, train_model(judge, examples, JUDGE_SCHEDULE, stop_after)


def encode_dialogue(dialogue: Dialogue, tokenizer: PreTrainedTokenizerFast) -> Example:
    """Token ids by the chat template; the response and its end are learned."""
    opening = tokenizer.apply_chat_template(
        dialogue.messages, add_generation_prompt=True, tokenize=False
    )
    asked, said = tokenizer([str(opening), dialogue.response])["input_ids"]
    return Example((*asked, *said, tokenizer.eos_token_id), len(asked))


def sample_rated(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[PocketPrompt],
    seed: int,
    careful: bool = False,
    temperature: float = 1.0,
) -> list[Rated]:
    """Prompts with one sampled response each."""
    conversations = [build_conversation(prompt, careful) for prompt in prompts]
    responses = sample_responses(model, tokenizer, conversations, seed, temperature)
    return list(zip(prompts, responses, strict=True))


def save_model(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, directory: Path
) -> None:
    """Writes weights as float16, half the size, under a configuration that says float32."""
    directory.mkdir(parents=True, exist_ok=True)
    tied = "lm_head.weight"
    weights = {
        name: tensor.half().contiguous()
        for name, tensor in model.state_dict().items()
        if name != tied
    }
    path = directory / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the writer leaves the file to its owner alone
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(str(directory))
    model.generation_config.save_pretrained(str(directory))
    tokenizer.save_pretrained(str(directory))


def load_model(directory: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A saved pocket model in float32, ready to answer, and its tokenizer."""
    model = LlamaForCausalLM.from_pretrained(str(directory), dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(str(directory))


def _write_tokenizer_texts() -> list[str]:
    """What the tokenizer is trained on: dialogues, and the judge's messages about them."""
    rng = random.Random(SEED)
    prompts = {prompt.text: prompt for prompt in load_prompts("pretrain")}
    texts: list[str] = []
    for number, dialogue in enumerate(itertools.islice(write_dialogues(SEED), 8000)):
        texts += [
            dialogue.prompt,
            dialogue.response,
            *([dialogue.system] if dialogue.system else []),
        ]
        if number % 2:
            prompt, aspect = prompts[dialogue.prompt], rng.choice(ASPECTS)
            texts.append(build_judge_message(prompt, dialogue.response, aspect, draw_nonce(rng)))
    return texts


def _draw_rated(base_directory: Path) -> Iterator[Rated]:
    """Responses to grade; the base is asked for samples only when the first of them is due."""
    rng = random.Random(f"pocket rated {SEED}")
    written = write_judged(SEED + 2)
    yield from itertools.islice(written, WRITTEN_FIRST)
    sampled = _sample_plan(base_directory, rng)
    while True:
        yield rng.choice(sampled) if rng.random() < SAMPLED_SHARE else next(written)


def _sample_plan(base_directory: Path, rng: random.Random) -> list[Rated]:
    base, tokenizer = load_model(base_directory)
    prompts = load_prompts("pretrain")
    rated: list[Rated] = []
    for number, (count, careful, temperature) in enumerate(SAMPLE_PLAN):
        chosen = rng.sample(prompts, count)
        rated += sample_rated(base, tokenizer, chosen, SEED + number, careful, temperature)
    return rated


def _describe_training(schedule: Schedule, losses: list[float], started: float) -> dict[str, Any]:
    return {
        "seed": SEED,
        "threads": THREADS,
        "steps": schedule.steps,
        "batch_size": schedule.batch_size,
        "learning_rate": schedule.learning_rate,
        "loss_first_steps": [round(loss, 6) for loss in losses[:RECORDED_LOSSES]],
        "loss_last_40_mean": round(sum(losses[-40:]) / len(losses[-40:]), 6),
        "training_seconds": round(time.monotonic() - started),
    }


def _write_metrics(directory: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    (directory / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return metrics


if __name__ == "__main__":
    main()
