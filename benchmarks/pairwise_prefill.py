"""Comparing 5 answers in 20 ordered pairs reads a third of the tokens or less.

Claim: with prefix caching an engine computes at most .35 of the prefill tokens of 20 requests that
each read rubric, prompt and both answers; every verdict is one token; verdicts are those of an
engine without prefix caching (float32). 8 prompts, all in flight at once; rubric and prompt are
600 tokens, answers 256. The same for a short prompt is printed beside it and not claimed: the
less there is in front of the answers, the less is shared.

    python -m benchmarks.pairwise_prefill [--json FILE]

`naive` is the sum of all prompts; `computed` is what the engine had not cached; `limit` is what no
order and no block size can go below within a row: each beginning read once (a trie of tokens);
`limit_blocks` the same in whole blocks of the engine, over all rows, since they share the rubric.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations, takewhile
from pathlib import Path
from typing import Any

from alignray.chat import ChatTokenizer
from alignray.config.inference import VLLMEngineConfig
from alignray.config.judges import CompareJudgeConfig
from alignray.evaluation.judges.compare import (
    PLACES,
    AnswerPair,
    CompareTask,
    combine_orders,
    list_presentations,
)
from alignray.evaluation.judges.labels import LabelVerdict, normalize_shares
from alignray.inference.engine import Request, Result, build_engine
from alignray.inference.fake_text import Prose
from alignray.inference.supervisor import Supervisor
from alignray.inference.vllm_args import build_engine_args
from alignray.prompts import load_rubric
from benchmarks.random_model import build_random_model

MODELS = ("a", "b", "c", "d", "e")
NUM_PROMPTS = 8
NUM_ORDERED = len(MODELS) * (len(MODELS) - 1)
HEAD_TOKENS, ANSWER_TOKENS = 600, 256
SHORT_PROMPT_TOKENS = 16
MAX_RATIO = 0.35
SPREAD = 0.1
"""Of the random model's weights: enough that its verdicts depend on what it reads."""


class Writer:
    """Texts of a wanted length, no two alike."""

    def __init__(self, chat: ChatTokenizer) -> None:
        self._chat = chat
        self._words = iter(Prose(1 << 16).text.split())

    def write(self, num_tokens: int) -> str:
        """A text of at least `num_tokens` tokens, longer by less than a word."""
        text = next(self._words)
        while len(self._chat.encode_content(text)) < num_tokens:
            text += f" {next(self._words)}"
        return text


def build_rows(chat: ChatTokenizer, prompt_tokens: int) -> list[dict[str, Any]]:
    """Rows of completions: a prompt of `prompt_tokens` and five answers of `ANSWER_TOKENS`."""
    writer = Writer(chat)
    return [
        {
            "row": number,
            "prompt_id": f"p{number}",
            "messages": [{"role": "user", "content": writer.write(prompt_tokens)}],
            "generations": [writer.write(ANSWER_TOKENS) for _ in MODELS],
            "generation_models": list(MODELS),
            "status": "ok",
            "reason": None,
        }
        for number in range(NUM_PROMPTS)
    ]


def build_config(model: Path, *, share: bool) -> VLLMEngineConfig:
    """One CPU engine in float32, with prefix caching or without."""
    resources = {"enable_prefix_caching": share, "max_num_seqs": 256}
    return VLLMEngineConfig.model_validate(
        {"model_name_or_path": str(model), "dtype": "float32", "resources": resources}
    )


async def answer(config: VLLMEngineConfig, rows: Sequence[list[Request]]) -> list[list[Result]]:
    """The results of all rows at once, as a stage asks for them."""
    supervisor = Supervisor(lambda: build_engine(config))
    try:
        return list(await asyncio.gather(*[supervisor.run(requests) for requests in rows]))
    finally:
        await supervisor.stop()


def count_trie(prompts: Sequence[Sequence[int]], block: int) -> int:
    """Tokens read where every beginning of whole blocks is read once.

    The last token of a prompt is read in any case, for there is something to be written after it.
    """
    seen: set[int] = set()
    computed = 0
    for ids in prompts:
        starts = range(0, len(ids) - block + 1, block)
        keys = list(accumulate((tuple(ids[at : at + block]) for at in starts), _chain, initial=0))
        known = list(takewhile(seen.__contains__, keys[1 : 1 + (len(ids) - 1) // block]))
        computed += len(ids) - block * len(known)
        seen.update(keys[1:])
    return computed


def _chain(key: int, tokens: tuple[int, ...]) -> int:
    return hash((key, tokens))


def judge(row: Mapping[str, Any], results: Sequence[Result]) -> list[tuple[str, float]]:
    """Label and preference of each pair of answers, by their log-probabilities.

    A random model gives little probability to any label, so its shares are read without the floor
    that a stage sets.
    """
    pairs = list(combinations(row["generations"], 2))
    shown = list_presentations([AnswerPair(*pair) for pair in pairs])
    read = [LabelVerdict(normalize_shares(r.outputs[0].label_logps, PLACES)) for r in results]
    verdicts = dict(zip(shown, read, strict=True))
    found = [combine_orders(verdicts[one, other], verdicts[other, one]) for one, other in pairs]
    return [(str(judgement.label), judgement.scores["preference"]) for judgement in found]


def measure(name: str, model: Path, prompt_tokens: int) -> dict[str, Any]:
    """Counts of one shape, with and without sharing."""
    chat = ChatTokenizer.load(str(model))
    config = build_config(model, share=True)
    task = CompareTask("compare", CompareJudgeConfig(engine=config, pairs="all"), MODELS)
    rows = build_rows(chat, prompt_tokens)
    requests = [task.build_requests(row) for row in rows]
    shared = asyncio.run(answer(config, requests))
    alone = asyncio.run(answer(build_config(model, share=False), requests))
    ids = [[chat.encode_prompt(request.messages) for request in row] for row in requests]
    block = int(build_engine_args(config)["block_size"])
    naive = sum(len(prompt) for row in ids for prompt in row)
    return {
        "shape": name,
        "prompts": len(rows),
        **count_tokens(shared),
        "naive_of_unshared_run": count_tokens(alone)["computed"],
        "limit": round(sum(count_trie(row, 1) for row in ids) / naive, 4),
        "limit_blocks": round(count_trie([one for row in ids for one in row], block) / naive, 4),
        "block_size": block,
        **compare_verdicts(rows, shared, alone),
    }


def count_tokens(rows: Sequence[Sequence[Result]]) -> dict[str, Any]:
    """What was read and written."""
    results = [result for row in rows for result in row]
    naive = sum(result.prompt_tokens for result in results)
    computed = naive - sum(result.cached_tokens for result in results)
    written = [output.num_tokens for result in results for output in result.outputs]
    return {
        "requests": len(results),
        "tokens_per_request": round(naive / len(results), 1),
        "generated": sum(written),
        "most_generated": max(written),
        "naive": naive,
        "computed": computed,
        "ratio": round(computed / naive, 4),
    }


def compare_verdicts(
    rows: Sequence[Mapping[str, Any]],
    shared: Sequence[Sequence[Result]],
    alone: Sequence[Sequence[Result]],
) -> dict[str, Any]:
    """How many verdicts are those of the run without sharing, and how far apart the rest is."""
    pairs = [
        pair
        for row, one, other in zip(rows, shared, alone, strict=True)
        for pair in zip(judge(row, one), judge(row, other), strict=True)
    ]
    told = [
        (one.outputs[0].text, other.outputs[0].text)
        for rows in zip(shared, alone, strict=True)
        for one, other in zip(*rows, strict=True)
    ]
    return {
        "tokens_equal": sum(one == other for one, other in told),
        "tokens": dict(Counter(one for one, _ in told)),
        "verdicts": len(pairs),
        "verdicts_equal": sum(one[0] == other[0] for one, other in pairs),
        "labels": dict(Counter(one[0] for one, _ in pairs)),
        "largest_difference": max(abs(one[1] - other[1]) for one, other in pairs),
        "spread": max(one[1] for one, _ in pairs) - min(one[1] for one, _ in pairs),
    }


def count_head(model: Path) -> int:
    """Tokens of the rubric, which stands in front of every prompt."""
    return len(ChatTokenizer.load(str(model)).encode_content(load_rubric("compare").text))


def main() -> None:
    """Prints both shapes and fails where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = build_random_model(Path(scratch) / "model", spread=SPREAD)
        head = count_head(model)
        shapes = [
            measure(f"rubric {head} + prompt {HEAD_TOKENS - head}", model, HEAD_TOKENS - head),
            measure(f"rubric {head} + prompt {SHORT_PROMPT_TOKENS}", model, SHORT_PROMPT_TOKENS),
        ]
    for shape in shapes:
        print("  ".join(f"{name}={value}" for name, value in shape.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(shapes, indent=2) + "\n")
    long = shapes[0]
    assert long["ratio"] <= MAX_RATIO, long["ratio"]
    for shape in shapes:
        assert shape["generated"] == shape["requests"] == NUM_PROMPTS * NUM_ORDERED
        assert shape["tokens_equal"] == shape["requests"]
        assert shape["verdicts_equal"] == shape["verdicts"]


if __name__ == "__main__":
    main()
