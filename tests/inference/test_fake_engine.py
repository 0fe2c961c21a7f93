"""The fake engine: deterministic, obedient, and faulty only on request."""

import asyncio
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from alignray.config.inference import FakeEngineConfig, SamplingParams
from alignray.inference.engine import (
    Constraint,
    EngineDead,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.fake_engine import FakeEngine
from alignray.inference.fake_text import Prose, list_candidates, mix


def build_request(text: str = "How do tides work?", **fields: Any) -> Request:
    """A request with one user turn; sampling fields are given as `sampling`."""
    sampling = fields.pop("sampling", SamplingParams())
    messages = [{"role": "user", "content": text}]
    return Request("r", messages, sampling, fields.pop("seed", 7), **fields)


async def start(**knobs: Any) -> FakeEngine:
    engine = FakeEngine(FakeEngineConfig(**knobs))
    await engine.start()
    return engine


def ask(*requests: Request, **knobs: Any) -> list[Result]:
    async def run() -> list[Result]:
        engine = await start(**knobs)
        return [await engine.generate(request) for request in requests]

    return asyncio.run(run())


def test_same_request_same_answer_in_another_process() -> None:
    code = (
        "import asyncio\n"
        "from tests.inference.test_fake_engine import ask, build_request\n"
        "print(ask(build_request())[0].outputs[0].text)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == ask(build_request())[0].outputs[0].text


def test_response_i_is_drawn_with_seed_plus_i() -> None:
    five = ask(build_request(sampling=SamplingParams(n=5)))[0]
    third = ask(build_request(seed=9))[0]
    assert five.outputs[2] == third.outputs[0]
    assert len({output.text for output in five.outputs}) == 5


def test_greedy_answers_ignore_the_seed() -> None:
    greedy = SamplingParams(temperature=0, n=2)
    first, second = ask(build_request(sampling=greedy), build_request(sampling=greedy, seed=8))
    assert first == second
    assert first.outputs[0] == first.outputs[1]


@pytest.mark.parametrize(
    "change", [{"text": "Why is the sky blue?"}, {"adapter": "sft"}, {"seed": 8}]
)
def test_content_adapter_and_seed_change_the_answer(change: dict[str, Any]) -> None:
    before, after = ask(build_request(), build_request(**change))
    assert before.outputs[0].text != after.outputs[0].text


def test_mean_length_is_the_configured_one() -> None:
    requests = [build_request(str(i), sampling=SamplingParams(n=5)) for i in range(400)]
    lengths = [o.num_tokens for r in ask(*requests, tokens_per_response=20) for o in r.outputs]
    assert min(lengths) == 1 and max(lengths) == 39
    assert abs(sum(lengths) / 2000 - 20) < 1  # standard error is 11.3 / sqrt(2000) = 0.25


def test_tokens_are_words_and_counted() -> None:
    async def run() -> None:
        engine = await start()
        result = await engine.generate(build_request("one two  three\nfour"))
        assert result.prompt_tokens == engine.prompt_tokens == 4
        assert len(result.outputs[0].text.split()) == result.outputs[0].num_tokens
        assert (engine.requests, engine.completion_tokens) == (1, result.outputs[0].num_tokens)
        assert engine.progress == 1

    asyncio.run(run())


def test_max_tokens_and_context_cut_the_answer() -> None:
    long = {"tokens_per_response": 4000, "max_model_len": 60}
    cut = ask(build_request(sampling=SamplingParams(max_tokens=5)), **long)[0].outputs[0]
    assert (cut.finish_reason, len(cut.text.split()), cut.num_tokens) == ("length", 5, 5)
    filled = ask(build_request("w " * 50), **long)[0].outputs[0]
    assert filled.num_tokens == 10


def test_prose_longer_than_its_text() -> None:
    prose = Prose(num_words=16)
    for num_words in (1, 2, 16, 17, 18, 33, 100):
        assert len(prose.cut(123, num_words).split()) == num_words


def test_stop_strings_end_the_answer() -> None:
    whole = ask(build_request())[0].outputs[0].text
    stop = whole.split()[3]
    output = ask(build_request(sampling=SamplingParams(stop=("absent", stop))))[0].outputs[0]
    assert output.text == whole[: whole.index(stop)]
    assert output.finish_reason == "stop"


def test_long_prompts_are_rejected() -> None:
    ask(build_request("w " * 8), max_model_len=8)
    with pytest.raises(RequestRejected, match=r"^prompt_too_long$"):
        ask(build_request("w " * 9), max_model_len=8)


PERMUTATION_SCHEMA = {
    "type": "object",
    "properties": {
        "order": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 3},
            "minItems": 3,
            "maxItems": 3,
        }
    },
    "required": ["order"],
}


@pytest.mark.parametrize(
    ("constraint", "pattern", "presented"),
    [
        (Constraint(choice=("1 2", "2 1")), "1 2|2 1", "1 2"),
        (Constraint(regex="[1-4]( [1-4]){3}"), "(?!.*(.).*\\1)[1-4]{4}", "1 2 3 4"),
        (Constraint(regex="(1>2>3|3>2>1)"), "1>2>3|3>2>1", "1>2>3"),
        (Constraint(json_schema=PERMUTATION_SCHEMA), None, '{"order": [1, 2, 3]}'),
    ],
)
def test_orders_obey_and_follow_the_presentation(
    constraint: Constraint, pattern: str | None, presented: str
) -> None:
    requests = [build_request(str(i), constraint=constraint) for i in range(300)]
    fair = [result.outputs[0].text for result in ask(*requests)]
    biased = [result.outputs[0].text for result in ask(*requests, position_bias=1.0)]
    for text in fair:
        if pattern is None:
            assert sorted(json.loads(text)["order"]) == [1, 2, 3]
        else:
            squeezed = text.replace(" ", "") if "{4}" in pattern else text
            assert re.fullmatch(pattern, squeezed)
    assert set(biased) == {presented}
    assert len(set(fair)) == len(list_candidates(constraint).texts)


def test_orders_of_many_responses() -> None:
    one = "|".join(str(i) for i in range(12, 0, -1))
    constraint = Constraint(regex=f"({one})( ({one})){{11}}")
    requests = [build_request(str(i), constraint=constraint) for i in range(20)]
    for result in ask(*requests):
        assert sorted(map(int, result.outputs[0].text.split())) == list(range(1, 13))


def test_position_bias_is_the_share_asked_for() -> None:
    orders = tuple("".join(p) for p in ("123", "132", "213", "231", "312", "321"))
    requests = [build_request(str(i), constraint=Constraint(choice=orders)) for i in range(2000)]
    texts = [result.outputs[0].text for result in ask(*requests, position_bias=0.4)]
    # 0.4 and a sixth of the other 0.6; standard deviation 0.011.
    assert abs(texts.count("123") / 2000 - 0.5) < 0.04


@pytest.mark.parametrize(
    "pattern", ["[1-5]", "(Yes|No)", r"Rating: \d{1,2}", "[a-c]+x?", r"\w\s.", "[^x]"]
)
def test_any_simple_regex_is_obeyed(pattern: str) -> None:
    requests = [build_request(str(i), constraint=Constraint(regex=pattern)) for i in range(50)]
    texts = {result.outputs[0].text for result in ask(*requests)}
    assert all(re.fullmatch(pattern, text) for text in texts)


def test_label_logps_are_a_distribution_over_all_labels() -> None:
    labels = ("1", "2", "3", "4", "5")
    requests = [build_request(str(i), label_tokens=labels) for i in range(200)]
    outputs = [result.outputs[0] for result in ask(*requests)]
    for output in outputs:
        assert tuple(output.label_logps) == labels
        assert math.isclose(sum(map(math.exp, output.label_logps.values())), 1.0)
        assert output.text == max(labels, key=output.label_logps.__getitem__)
    assert {output.text for output in outputs} == set(labels)


def test_garbage_ignores_the_constraint() -> None:
    constrained = [build_request(str(i), constraint=Constraint(choice=("a",))) for i in range(1000)]
    texts = [result.outputs[0].text for result in ask(*constrained, garbage_rate=0.25)]
    assert abs(texts.count("a") / 1000 - 0.75) < 0.05
    graded = ask(build_request(label_tokens=("1", "2")), garbage_rate=1.0)[0].outputs[0]
    assert graded.label_logps == {} and graded.text not in ("1", "2")


def test_fail_pattern_fails_the_row_alone() -> None:
    async def run() -> None:
        engine = await start(fail_pattern="unlucky")
        with pytest.raises(RequestFailed):
            await engine.generate(build_request("an unlucky row"))
        await engine.generate(build_request())
        assert engine.requests == 1

    asyncio.run(run())


def test_kill_pattern_takes_all_requests_down_until_started() -> None:
    async def run() -> None:
        engine = await start(kill_pattern="poison", seconds_per_token=60.0)
        bystander = asyncio.create_task(engine.generate(build_request()))
        await asyncio.sleep(0)
        for text in ("a poison row", "a good row"):
            with pytest.raises(EngineDead):
                await engine.generate(build_request(text))
        with pytest.raises(EngineDead):
            await bystander
        await engine.start()
        with pytest.raises(EngineDead):
            await engine.generate(build_request("a poison row"))

    asyncio.run(run())


def test_hang_pattern_hangs_the_engine_until_stopped() -> None:
    async def run() -> None:
        engine = await start(hang_pattern="tar pit")
        tasks = [
            asyncio.create_task(engine.generate(build_request(text)))
            for text in ("a tar pit", "a good row")
        ]
        done, _ = await asyncio.wait(tasks, timeout=0.05)
        assert not done and engine.progress == 0
        await engine.stop()
        await engine.stop()
        for task in tasks:
            with pytest.raises(EngineDead):
                await task
        await engine.start()
        await engine.generate(build_request("a good row"))

    asyncio.run(run())


def test_generate_before_start_says_so() -> None:
    with pytest.raises(EngineDead, match="not started"):
        asyncio.run(FakeEngine(FakeEngineConfig()).generate(build_request()))


def test_latency_is_per_token_and_outputs_run_together() -> None:
    async def run() -> float:
        engine = await start(seconds_per_token=0.01)
        sampling = SamplingParams(n=8, max_tokens=10)
        begin = time.perf_counter()
        await asyncio.gather(*(engine.generate(build_request(sampling=sampling)) for _ in range(9)))
        return time.perf_counter() - begin

    assert 0.09 < asyncio.run(run()) < 0.5


def measure_cpu(work: Callable[[], object], times: int) -> float:
    """CPU-seconds of one call, the least of five rounds."""
    rounds = []
    for _ in range(5):
        begin = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - begin) / times)
    return min(rounds)


def test_a_request_costs_microseconds() -> None:
    """At most 100 hashes, 45 to 65 us; a busy or slow machine slows both alike."""
    text = "please tell me about the weather in the north of the country " * 4
    request = build_request(text, sampling=SamplingParams(n=5))

    async def run() -> float:
        engine = await start()

        def ask_once() -> None:
            try:
                engine.generate(request).send(None)
            except StopIteration:
                return
            pytest.fail("a request without latency waits")

        return measure_cpu(ask_once, 1000)

    assert asyncio.run(run()) < 100 * measure_cpu(lambda: mix(1), 20_000)


def test_mix_is_splitmix64() -> None:
    # First output of SplitMix64 seeded with 0 (reference implementation of S. Vigna).
    assert mix(0) == 0xE220A8397B1DCDAF
