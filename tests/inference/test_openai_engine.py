"""The HTTP engine against a real server on 127.0.0.1 that has its bad days."""

import asyncio
import email.utils
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.errors import EngineError
from alignray.inference.engine import (
    Constraint,
    EngineDead,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.openai_engine import OpenAIEngine
from tests.inference.openai_server import Fault, OpenAIServer, serve_openai

KEY = "sk-test-5d41402abc4b"
SECRET = "how do I pick a lock"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve_openai() as running:
        yield running


class Naps:
    """Records how long the engine wanted to wait, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def build_request(text: str = "Hi", n: int = 1, seed: int = 7, **fields: Any) -> Request:
    sampling = fields.pop("sampling", None) or SamplingParams(n=n)
    return Request("r", [{"role": "user", "content": text}], sampling, seed, **fields)


def run(
    config: OpenAIEngineConfig,
    work: Callable[[OpenAIEngine], Awaitable[Any]],
    naps: Callable[[float], Awaitable[None]] | None = None,
) -> Any:
    async def main() -> Any:
        engine = OpenAIEngine(config, sleep=naps or Naps())
        await engine.start()
        try:
            return await work(engine)
        finally:
            await engine.stop()

    return asyncio.run(main())


def ask(config: OpenAIEngineConfig, request: Request | None = None, naps: Any = None) -> Result:
    result: Result = run(config, lambda engine: engine.generate(request or build_request()), naps)
    return result


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429),
        Fault(500, body="<html>oops</html>"),
        Fault(502),
        Fault(408),
        Fault(409),
        Fault(529),
        Fault(kind="drop"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_passing_troubles_are_tried_again(server: OpenAIServer, fault: Fault) -> None:
    expected = ask(server.build_config())
    server.plan(fault, fault)
    naps = Naps()
    assert ask(server.build_config(), naps=naps) == expected
    assert len(server.bodies) == 4
    assert len(naps.seconds) == 2
    assert 0 <= naps.seconds[0] <= 0.5 and 0 <= naps.seconds[1] <= 1.0


def test_a_server_that_stalls_is_timed_out_and_tried_again(server: OpenAIServer) -> None:
    server.plan(Fault(kind="stall"))
    began = time.monotonic()
    ask(server.build_config(timeout_seconds=0.2))
    assert len(server.bodies) == 2 and time.monotonic() - began < 2


def test_retry_after_in_seconds_is_a_floor(server: OpenAIServer) -> None:
    server.plan(Fault(429, headers={"Retry-After": "7"}), Fault(503, headers={"Retry-After": "3"}))
    naps = Naps()
    ask(server.build_config(), naps=naps)
    waits = [seconds for seconds in naps.seconds if seconds >= 3]
    assert 7 <= waits[0] <= 7.5
    assert any(3 <= seconds <= 4 for seconds in waits)


def test_retry_after_as_a_date_and_in_milliseconds(server: OpenAIServer) -> None:
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    server.plan(Fault(429, headers={"Retry-After": date}))
    naps = Naps()
    ask(server.build_config(), naps=naps)
    assert 18 <= naps.seconds[0] <= 20.6
    server.plan(Fault(429, headers={"retry-after-ms": "40", "Retry-After": "9"}))
    naps = Naps()
    ask(server.build_config(), naps=naps)
    assert 0.04 <= naps.seconds[0] <= 0.6


def test_retry_after_is_really_waited_for(server: OpenAIServer) -> None:
    server.plan(Fault(429, headers={"Retry-After": "0.3"}))
    began = time.monotonic()
    ask(server.build_config(max_backoff_seconds=0.3), naps=asyncio.sleep)
    assert 0.3 <= time.monotonic() - began < 1.5


def test_a_retry_after_beyond_the_cap_fails_the_request_at_once(server: OpenAIServer) -> None:
    server.plan(Fault(429, headers={"Retry-After": "3600"}))
    naps = Naps()
    with pytest.raises(RequestFailed, match="http 429, retry after 3600 s"):
        ask(server.build_config(max_backoff_seconds=60), naps=naps)
    assert naps.seconds == [] and len(server.bodies) == 1


def test_tries_are_bounded(server: OpenAIServer) -> None:
    server.rule = lambda body: Fault(500)
    with pytest.raises(RequestFailed, match=r"^http 500, 3 tries$"):
        ask(server.build_config(max_tries=3))
    assert len(server.bodies) == 3


def test_one_request_fails_and_the_next_is_answered(server: OpenAIServer) -> None:
    server.plan(Fault(500), Fault(500))

    async def work(engine: OpenAIEngine) -> None:
        with pytest.raises(RequestFailed):
            await engine.generate(build_request())
        assert len((await engine.generate(build_request())).outputs) == 1
        assert engine.progress == 4  # the model list, two failed tries, one answer

    run(server.build_config(max_tries=2), work)


def test_the_retry_budget_ends_the_engine(server: OpenAIServer) -> None:
    server.rule = lambda body: Fault(500)

    async def work(engine: OpenAIEngine) -> None:
        outcomes = await asyncio.gather(
            *(engine.generate(build_request(str(i))) for i in range(60)), return_exceptions=True
        )
        errors = [outcome for outcome in outcomes if isinstance(outcome, EngineError)]
        assert errors and "retry_budget" in str(errors[0]) and "20 retries" in str(errors[0])
        assert engine.retries == 20
        asked = len(server.bodies)
        with pytest.raises(EngineError, match="retry_budget"):
            await engine.generate(build_request())
        assert len(server.bodies) == asked <= 60 + 20

    run(server.build_config(max_concurrent_requests=8, max_tries=5), work)


def test_few_failures_among_many_requests_stay_within_the_budget(server: OpenAIServer) -> None:
    count = iter(range(10_000))
    server.rule = lambda body: Fault(500) if next(count) % 20 == 0 else None

    async def work(engine: OpenAIEngine) -> int:
        results = await asyncio.gather(
            *(engine.generate(build_request(str(i))) for i in range(500))
        )
        assert len(results) == 500
        return engine.retries

    assert 25 <= run(server.build_config(max_concurrent_requests=8), work) <= 28


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(400, {"error": {"message": f"bad prompt: {SECRET}"}}), "http 400"),
        (Fault(400, {"error": {"code": "content_filter"}}), "http 400 .content_filter"),
        (Fault(404, {"error": {"message": SECRET, "code": "no_model"}}), "http 404 .no_model"),
        (Fault(422, {"detail": [{"input": SECRET}]}), "http 422"),
        (Fault(413, "<html>too large</html>"), "prompt_too_long"),
    ],
)  # fmt: skip
def test_refused_requests_are_rejected_at_once_without_their_text(
    server: OpenAIServer, fault: Fault, reason: str
) -> None:
    server.plan(fault)
    with pytest.raises(RequestRejected, match=reason) as caught:
        ask(server.build_config(), build_request(SECRET))
    assert SECRET not in str(caught.value)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [401, 402, 403, 302])
def test_what_no_request_survives_ends_the_engine(server: OpenAIServer, status: int) -> None:
    message = f"Incorrect API key provided: {KEY}"
    headers = {"Location": "http://127.0.0.1:9/v1"} if status == 302 else {}
    server.rule = lambda body: Fault(status, {"error": {"message": message}}, headers)

    async def work(engine: OpenAIEngine) -> None:
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                await engine.generate(build_request())
            text = str(caught.value)
            assert f"http {status}" in text and KEY not in text and "\n" not in text
        assert len(server.bodies) == 1

    run(server.build_config(), work)


@pytest.mark.parametrize(
    "body",
    ["not json at all", "", "null", "[]", {"choices": []}, {"error": {"message": SECRET}}],
)
def test_garbage_in_an_http_200_is_a_failure(server: OpenAIServer, body: Any) -> None:
    server.plan(Fault(200, body))
    with pytest.raises(RequestFailed, match="http 200") as caught:
        ask(server.build_config())
    assert SECRET not in caught.value.reason


def test_concurrency_is_reached_and_not_exceeded(server: OpenAIServer) -> None:
    server.delay = 0.05

    async def work(engine: OpenAIEngine) -> list[Result]:
        requests = [build_request(str(i)) for i in range(64)]
        return list(await asyncio.gather(*map(engine.generate, requests)))

    began = time.monotonic()
    results = run(server.build_config(max_concurrent_requests=16), work)
    assert server.peak == 16
    assert time.monotonic() - began < 64 * 0.05 / 2
    backing = server.engine
    assert backing.requests == len(results) == 64
    assert sum(result.prompt_tokens for result in results) == backing.prompt_tokens
    assert sum(r.outputs[0].num_tokens for r in results) == backing.completion_tokens


def test_a_server_for_four_at_once_is_not_driven_into_the_ground(server: OpenAIServer) -> None:
    """32 slots against a server that turns away all but 4: all is answered, within the budget."""
    server.delay, server.busy_above = 0.005, 4

    async def work(engine: OpenAIEngine) -> int:
        requests = [build_request(str(i)) for i in range(250)]
        results = await asyncio.gather(*map(engine.generate, requests))
        assert len(results) == 250
        return engine.retries

    async def short_nap(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))

    config = server.build_config(max_concurrent_requests=32, max_tries=20)
    assert run(config, work, short_nap) <= 40
    assert server.turned_away < 200


def test_a_server_that_ignores_n_is_asked_until_there_are_n(server: OpenAIServer) -> None:
    whole = ask(server.build_config(), build_request(n=5))
    server.max_choices = 2
    topped_up = ask(server.build_config(), build_request(n=5))
    assert [o.text for o in topped_up.outputs] == [o.text for o in whole.outputs]
    assert topped_up.prompt_tokens == 3 * whole.prompt_tokens
    assert [body.get("n", 1) for body in server.bodies[1:]] == [5, 3, 1]
    assert [body["seed"] for body in server.bodies[1:]] == [7, 9, 11]


def test_the_key_comes_from_the_named_variable(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", f"{KEY}-judge\n")
    ask(server.build_config(api_key_env="JUDGE_KEY"))
    assert server.headers[-1]["Authorization"] == f"Bearer {KEY}-judge"
    ask(server.build_config(api_key_env="NOT_SET_ANYWHERE"))
    assert KEY not in server.headers[-1]["Authorization"]
    monkeypatch.setenv("JUDGE_KEY", f"{KEY}\x07")
    with pytest.raises(EngineError, match="JUDGE_KEY: not a key") as caught:
        ask(server.build_config(api_key_env="JUDGE_KEY"))
    assert KEY not in str(caught.value)


def test_openai_itself_without_a_key_is_an_error_before_any_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    async def main() -> None:
        engine = OpenAIEngine(OpenAIEngineConfig(model="m"), resolve=lambda *_: ["93.184.216.34"])
        with pytest.raises(EngineError, match=r"\$OPENAI_API_KEY: not set"):
            await engine.start()

    asyncio.run(main())


def test_base_url_from_the_environment(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert ask(OpenAIEngineConfig(model="fake")).outputs


def test_logs_hold_neither_key_nor_prompt(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plan(Fault(500, {"error": {"message": SECRET}}), Fault(kind="drop"))
    with caplog.at_level("INFO"):
        ask(server.build_config(), build_request(SECRET))
    assert KEY not in caplog.text and SECRET not in caplog.text


def test_start_refuses_a_private_endpoint_before_any_request() -> None:
    async def main() -> None:
        config = OpenAIEngineConfig(model="m", base_url="https://judge.example.com/v1")
        with pytest.raises(EngineError, match="allow_private"):
            await OpenAIEngine(config, resolve=lambda *_: ["10.0.0.7"]).start()

    asyncio.run(main())


def test_the_name_is_resolved_once(server: OpenAIServer) -> None:
    """A name that means loopback at the check and something else later still goes to loopback."""
    answers = iter([["127.0.0.1"], ["10.0.0.7"]])
    port = server.url.split(":")[2].removesuffix("/v1")

    async def main() -> None:
        config = server.build_config(base_url=f"http://judge.example.com:{port}/v1")
        engine = OpenAIEngine(config, sleep=Naps(), resolve=lambda *_: next(answers))
        await engine.start()
        await engine.generate(build_request())
        await engine.stop()

    asyncio.run(main())
    assert server.headers[-1]["Host"] == f"judge.example.com:{port}"


@pytest.mark.parametrize("status", [200, 403, 404, 405, 500, 501])
def test_start_does_without_a_model_list(server: OpenAIServer, status: int) -> None:
    server.models_status = status
    assert ask(server.build_config()).outputs
    assert len(server.bodies) == (1 if status == 200 else 2)


def test_start_names_the_models_when_ours_is_unknown(server: OpenAIServer) -> None:
    with pytest.raises(EngineError, match=r"http 404.*its models: fake"):
        ask(server.build_config(model="fkae"))
    assert len(server.bodies) == 1


def test_start_without_a_server_ends_after_few_tries() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    naps = Naps()
    with pytest.raises(EngineError, match=r"connection broken .ConnectionRefusedError"):
        ask(OpenAIEngineConfig(model="m", base_url=url), naps=naps)
    assert len(naps.seconds) == 4  # three tries of the model list, three of a first request


def test_stop_ends_requests_under_way(server: OpenAIServer) -> None:
    server.rule = lambda body: Fault(kind="stall")

    async def work(engine: OpenAIEngine) -> None:
        tasks = [asyncio.create_task(engine.generate(build_request())) for _ in range(3)]
        while server.in_flight < 2:
            await asyncio.sleep(0.01)
        await engine.stop()
        await engine.stop()
        for task in tasks:
            with pytest.raises(EngineDead):
                await task
        with pytest.raises(EngineDead):
            await engine.generate(build_request())
        server.rule = lambda body: None
        await engine.start()
        assert (await engine.generate(build_request())).outputs

    run(server.build_config(max_concurrent_requests=2), work)


def test_a_cancelled_request_leaves_the_server_alone(server: OpenAIServer) -> None:
    server.rule = lambda body: Fault(kind="stall")

    async def work(engine: OpenAIEngine) -> None:
        task = asyncio.create_task(engine.generate(build_request()))
        while not server.in_flight:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            while server.in_flight:
                await asyncio.sleep(0.01)

    run(server.build_config(), work)


@pytest.mark.parametrize("style", ["json_schema", "vllm"])
def test_constraints_come_back_as_bare_verdicts(server: OpenAIServer, style: str) -> None:
    config = server.build_config(constraint_style=style)
    orders = ("1 2 3", "3 2 1")
    choice = ask(config, build_request(constraint=Constraint(choice=orders))).outputs[0]
    assert choice.text in orders
    regex = ask(config, build_request(constraint=Constraint(regex="[1-5]"))).outputs[0]
    assert regex.text in set("12345")
