"""What every engine promises, checked on the fake one and on HTTP (in both constraint styles).

A new engine joins by one entry in `ENGINES`: a context manager that yields its configuration.
"""

import asyncio
import contextlib
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from alignray.config.inference import EngineConfig, FakeEngineConfig, SamplingParams
from alignray.inference.engine import (
    Constraint,
    Engine,
    EngineDead,
    Request,
    RequestRejected,
    Result,
    build_engine,
)
from tests.inference.openai_server import serve_openai

LABELS = ("1", "2", "3", "4", "5")
MAX_MODEL_LEN = 64


@contextlib.contextmanager
def use_fake() -> Iterator[EngineConfig]:
    yield FakeEngineConfig(max_model_len=MAX_MODEL_LEN)


@contextlib.contextmanager
def use_openai(style: str) -> Iterator[EngineConfig]:
    with serve_openai(labels=LABELS, adapters=("sft",), max_model_len=MAX_MODEL_LEN) as server:
        yield server.build_config(constraint_style=style)


ENGINES: dict[str, Callable[[], contextlib.AbstractContextManager[EngineConfig]]] = {
    "fake": use_fake,
    "openai-json_schema": lambda: use_openai("json_schema"),
    "openai-vllm": lambda: use_openai("vllm"),
}

Work = Callable[[Engine], Awaitable[Any]]
Run = Callable[[Work], Any]


@pytest.fixture(params=sorted(ENGINES))
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a coroutine function on a started engine."""
    with ENGINES[request.param]() as config:

        def run_on_engine(work: Work) -> Any:
            async def main() -> Any:
                engine = build_engine(config)
                with pytest.raises(EngineDead):
                    await engine.generate(build_request())
                await engine.start()
                try:
                    return await work(engine)
                finally:
                    await engine.stop()

            return asyncio.run(main())

        yield run_on_engine


def build_request(text: str = "How do tides work?", seed: int = 7, **fields: Any) -> Request:
    messages: Any = [{"role": "user", "content": text}]
    adapter = fields.pop("adapter", None)
    constraint, labels = fields.pop("constraint", None), fields.pop("label_tokens", ())
    sampling = SamplingParams(**fields)
    return Request(f"r-{text[:8]}-{seed}", messages, sampling, seed, adapter, constraint, labels)


def ask(run: Run, *requests: Request) -> list[Result]:
    async def work(engine: Engine) -> list[Result]:
        return list(await asyncio.gather(*map(engine.generate, requests)))

    results: list[Result] = run(work)
    return results


def get_texts(result: Result) -> list[str]:
    return [output.text for output in result.outputs]


def test_n_outputs_in_one_request(run: Run) -> None:
    (result,) = ask(run, build_request(n=5))
    assert len(set(get_texts(result))) == 5
    assert result.prompt_tokens > 0
    assert all(output.num_tokens > 0 for output in result.outputs)


def test_answers_depend_on_content_and_seed_alone(run: Run) -> None:
    requests = [build_request(f"question {i}", seed=i, n=2) for i in range(40)]
    forward = ask(run, *requests)
    backward = ask(run, *reversed(requests))
    assert forward == backward[::-1]
    assert len({text for result in forward for text in get_texts(result)}) == 80


def test_the_seed_matters_and_greedy_has_none(run: Run) -> None:
    seeded = ask(run, build_request(seed=1), build_request(seed=2))
    assert get_texts(seeded[0]) != get_texts(seeded[1])
    greedy = ask(run, *(build_request(seed=seed, temperature=0) for seed in (1, 2)))
    assert get_texts(greedy[0]) == get_texts(greedy[1])


def test_max_tokens_cuts_and_says_so(run: Run) -> None:
    results = ask(run, *(build_request(str(i), max_tokens=3) for i in range(20)))
    outputs = [result.outputs[0] for result in results]
    assert all(output.num_tokens <= 3 for output in outputs)
    assert {output.finish_reason for output in outputs if output.num_tokens < 3} <= {"stop"}
    assert "length" in {output.finish_reason for output in outputs}


def test_stop_strings_end_the_text(run: Run) -> None:
    whole = ask(run, build_request())[0].outputs[0].text
    stop = whole.split()[2]
    cut = ask(run, build_request(stop=(stop,)))[0].outputs[0]
    assert cut.text == whole[: whole.index(stop)] and cut.finish_reason == "stop"


def test_a_long_prompt_is_rejected_and_the_engine_lives(run: Run) -> None:
    async def work(engine: Engine) -> None:
        with pytest.raises(RequestRejected) as caught:
            await engine.generate(build_request("tide " * 4 * MAX_MODEL_LEN))
        assert caught.value.reason.startswith("prompt_too_long")
        assert "tide" not in caught.value.reason
        await engine.generate(build_request())

    run(work)


def test_choices_are_obeyed(run: Run) -> None:
    orders = ("1 2 3", "2 3 1", "3 1 2")
    constraint = Constraint(choice=orders)
    results = ask(run, *(build_request(str(i), constraint=constraint) for i in range(30)))
    assert {get_texts(result)[0] for result in results} == set(orders)


def test_regexes_are_obeyed(run: Run) -> None:
    constraint = Constraint(regex="(safe|harmful): [1-5]")
    results = ask(run, *(build_request(str(i), constraint=constraint) for i in range(30)))
    assert all(re.fullmatch("(safe|harmful): [1-5]", get_texts(result)[0]) for result in results)


def test_json_schemas_are_obeyed(run: Run) -> None:
    number = {"type": "integer", "minimum": 1, "maximum": 5}
    schema = {
        "type": "object",
        "properties": {"safety": number, "helpfulness": number},
        "required": ["safety", "helpfulness"],
        "additionalProperties": False,
    }
    constraint = Constraint(json_schema=schema)
    results = ask(run, *(build_request(str(i), constraint=constraint) for i in range(30)))
    verdicts = [json.loads(get_texts(result)[0]) for result in results]
    assert all(set(verdict) == {"safety", "helpfulness"} for verdict in verdicts)
    assert {value for verdict in verdicts for value in verdict.values()} <= set(range(1, 6))


def test_labels_have_log_probabilities(run: Run) -> None:
    results = ask(
        run, *(build_request(str(i), label_tokens=LABELS, max_tokens=1) for i in range(20))
    )
    for result in results:
        output = result.outputs[0]
        assert output.text in LABELS and output.num_tokens == 1
        assert output.label_logps and set(output.label_logps) <= set(LABELS)
        assert all(logp <= 1e-9 for logp in output.label_logps.values())
        assert sum(map(math.exp, output.label_logps.values())) <= 1 + 1e-6
    assert len({get_texts(result)[0] for result in results}) > 1


def test_log_probabilities_come_where_asked_for(run: Run) -> None:
    without, asked = ask(run, build_request(n=2), build_request(n=2, logprobs=True))
    assert [output.logp for output in without.outputs] == [None, None]
    assert all(output.logp is not None and output.logp < 0 for output in asked.outputs)
    assert get_texts(without) == get_texts(asked)


def test_an_adapter_is_another_model(run: Run) -> None:
    base, adapted = ask(run, build_request(), build_request(adapter="sft"))
    assert get_texts(base) != get_texts(adapted)


def test_progress_grows_and_sequences_are_bounded(run: Run) -> None:
    async def work(engine: Engine) -> None:
        assert engine.max_sequences > 0
        before = engine.progress
        await engine.generate(build_request())
        assert engine.progress > before

    run(work)


def test_stopped_is_dead_and_started_is_alive(run: Run) -> None:
    async def work(engine: Engine) -> None:
        first = await engine.generate(build_request())
        await engine.stop()
        await engine.stop()
        with pytest.raises(EngineDead):
            await engine.generate(build_request())
        await engine.start()
        assert await engine.generate(build_request()) == first

    run(work)


def test_a_cancelled_request_harms_no_other(run: Run) -> None:
    async def work(engine: Engine) -> None:
        tasks = [asyncio.create_task(engine.generate(build_request(str(i)))) for i in range(8)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, Result) for outcome in outcomes[1::2])
        await engine.generate(build_request())

    run(work)
