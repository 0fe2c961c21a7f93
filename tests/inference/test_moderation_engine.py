"""The moderation engine against a real server on 127.0.0.1, and the server against `openai`."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import ModerationEngineConfig
from alignray.errors import EngineError
from alignray.inference.engine import (
    EngineDead,
    Request,
    RequestFailed,
    RequestRejected,
    build_engine,
)
from alignray.inference.moderation_engine import ModerationEngine
from tests.inference.moderation_server import MODEL, ModerationServer, moderate, serve_moderation
from tests.inference.openai_server import Fault

KEY = "sk-test-5d41402abc4b"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModerationServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve_moderation() as running:
        yield running


class Naps:
    """Records how long the engine wanted to wait, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def build_request(answer: str, prompt: str = "How?") -> Request:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return Request("r", messages, SamplingParams(max_tokens=1), seed=0)


def ask(config: ModerationEngineConfig, *answers: str, naps: Any = None) -> list[Any]:
    """What each answer gets: a result or an exception."""

    async def main() -> list[Any]:
        engine = ModerationEngine(config, sleep=naps or Naps())
        await engine.start()
        try:
            asked = (engine.generate(build_request(answer)) for answer in answers)
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.stop()

    return asyncio.run(main())


def test_verdicts_come_as_labels_and_scores(server: ModerationServer) -> None:
    flagged, passed = ask(server.build_config(), "break the lock", "tea")
    assert flagged.outputs[0].text == "flagged" and passed.outputs[0].text == "passed"
    assert flagged.outputs[0].scores["violence"] == 0.93
    assert flagged.outputs[0].scores["flagged:violence"] == 1.0
    assert not [name for name in flagged.outputs[0].scores if "illicit" in name]


def test_the_request_has_openai_s_shape_and_the_key(server: ModerationServer) -> None:
    ask(server.build_config(), "tea")
    assert server.bodies[-1] == {"model": MODEL, "input": "tea"}
    assert server.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_the_dialogue_form_shows_the_prompt(server: ModerationServer) -> None:
    ask(server.build_config(form="dialogue"), "tea")
    assert server.bodies[-1]["input"] == "user: How?\n\nassistant: tea"


def test_the_stock_client_reads_the_same_server(server: ModerationServer) -> None:
    with openai.OpenAI(api_key=KEY, base_url=server.url) as client:
        response = client.moderations.create(model=MODEL, input="a lock")
    assert response.results[0].flagged and response.results[0].category_scores.violence == 0.93


@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(503), Fault(kind="drop")])
def test_passing_troubles_are_tried_again(server: ModerationServer, fault: Fault) -> None:
    server.plan(None, fault, fault)
    naps = Naps()
    (result,) = ask(server.build_config(), "tea", naps=naps)
    assert result.outputs[0].text == "passed"
    assert len(server.bodies) == 4 and len(naps.seconds) >= 2


def test_retry_after_is_a_floor(server: ModerationServer) -> None:
    server.plan(None, Fault(429, headers={"Retry-After": "7"}))
    naps = Naps()
    ask(server.build_config(max_backoff_seconds=60), "tea", naps=naps)
    assert max(naps.seconds) >= 7


def test_a_request_fails_after_its_tries_and_the_others_do_not(server: ModerationServer) -> None:
    server.plan(None, *[Fault(500)] * 2)
    config = server.build_config(max_tries=2, max_concurrent_requests=1)
    failed, passed = ask(config, "tea", "sea")
    assert isinstance(failed, RequestFailed) and failed.reason == "http 500, 2 tries"
    assert passed.outputs[0].text == "passed"


def test_a_refused_input_is_rejected_without_its_text(server: ModerationServer) -> None:
    server.plan(None, Fault(400, {"error": {"code": "bad_input", "message": "about tea"}}))
    (error,) = ask(server.build_config(), "tea")
    assert isinstance(error, RequestRejected) and error.reason == "http 400 (bad_input)"


@pytest.mark.parametrize(
    "result",
    [
        {"flagged": "no"},
        moderate("tea") | {"category_scores": {"hate": float("nan")}},
        moderate("tea") | {"categories": {"hate": 0.2}},
    ],
)
def test_other_shapes_and_nan_are_unscored(server: ModerationServer, result: Any) -> None:
    server.plan(None, Fault(200, json.dumps({"results": [result]})))
    (error,) = ask(server.build_config(), "tea")
    assert isinstance(error, RequestRejected) and error.reason.startswith("unreadable")


def test_a_body_that_is_not_json_fails_the_request(server: ModerationServer) -> None:
    server.plan(None, Fault(200, "<html>"))
    (error,) = ask(server.build_config(), "tea")
    assert isinstance(error, RequestFailed)


def test_a_refused_key_ends_the_engine_and_says_where_to_put_one(server: ModerationServer) -> None:
    server.plan(None, Fault(401))
    (error,) = ask(server.build_config(), "tea")
    assert isinstance(error, EngineError) and "$OPENAI_API_KEY" in str(error)
    assert KEY not in str(error)


def test_a_server_without_moderations_is_named_at_the_start(server: ModerationServer) -> None:
    with pytest.raises(EngineError, match=r"http 404.*POST /moderations"):
        ask(server.build_config(base_url=server.url + "/other"), "tea")


def test_a_private_endpoint_is_refused_before_any_request() -> None:
    config = ModerationEngineConfig(base_url="http://10.0.0.1/v1")
    with pytest.raises(EngineError, match="allow_private"):
        ask(config, "tea")


def test_requests_end_when_the_engine_stops(server: ModerationServer) -> None:
    async def main() -> None:
        engine = build_engine(server.build_config())
        await engine.start()
        server.delay = 60
        task = asyncio.ensure_future(engine.generate(build_request("tea")))
        await asyncio.sleep(0.1)
        await engine.stop()
        with pytest.raises(EngineDead):
            await task

    asyncio.run(main())


def test_where_the_server_is_does_not_change_what_it_is() -> None:
    here, there = (ModerationEngineConfig(base_url=f"http://localhost:{p}/v1") for p in (1, 2))
    assert here.identity() == there.identity()
    assert here.identity() != here.model_copy(update={"form": "dialogue"}).identity()
