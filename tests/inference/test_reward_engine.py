"""The reward engine with its real process: exact, batched by length, and dead when it is dead."""

import asyncio
import os
import random
import signal

import pytest

from alignray.config.inference import SamplingParams
from alignray.config.judge_engines import RewardEngineConfig, RewardResources
from alignray.errors import EngineError
from alignray.inference.engine import EngineDead, Request, RequestRejected, build_engine
from alignray.inference.reward_engine import RewardEngine
from alignray.inference.supervisor import Supervisor
from tests.inference.reward_models import build_deberta, build_llama, build_pair_tokenizer

pytestmark = pytest.mark.heavy
WORDS = ["tea", "lock", "sea", "stone", "glass", "bird", "road", "lamp", "wind", "paper"]


def build_texts(count, seed=0):
    """Pairs of prompt and response of 2 to 60 words."""
    rng = random.Random(seed)
    return [
        (" ".join(rng.choices(WORDS, k=2)), " ".join(rng.choices(WORDS, k=rng.randint(2, 60))))
        for _ in range(count)
    ]


def build_request(prompt, response):
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return Request(response[:8], messages, SamplingParams(max_tokens=1), seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_deberta(tmp_path_factory.mktemp("reward"))


def build_config(folder, **fields):
    resources = RewardResources(**fields.pop("resources", {}))
    return RewardEngineConfig(model_name_or_path=str(folder), resources=resources, **fields)


@pytest.fixture(scope="module")
def running(folder):
    """A started engine and a runner of coroutines on its event loop."""
    with asyncio.Runner() as runner:
        engine = build_engine(build_config(folder, max_length=256))
        runner.run(engine.start())
        yield engine, runner.run
        runner.run(engine.stop())


def score_alone(folder, texts):
    """The slow reference: stock transformers, one text at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = build_pair_tokenizer()
    with torch.inference_mode():
        return [model(**tokenizer(*text, return_tensors="pt")).logits[0].item() for text in texts]


async def start_and_stop(config):
    engine = RewardEngine(config)
    try:
        await engine.start()
    finally:
        await engine.stop()


async def ask_all(engine, texts):
    results = await asyncio.gather(*(engine.generate(build_request(*text)) for text in texts))
    return [result.outputs[0].scores["reward"] for result in results]


def test_rewards_are_those_of_each_text_alone(folder, running):
    engine, run = running
    texts = [text for text in build_texts(120) if len(" ".join(text)) < 250]
    before = engine.batches
    rewards = run(ask_all(engine, texts))
    assert rewards == pytest.approx(score_alone(folder, texts), abs=1e-5)
    assert engine.batches - before < len(texts)
    assert engine.padded_tokens <= 1.03 * engine.real_tokens
    assert any(round(reward, 4) != reward for reward in rewards)


def test_a_result_says_what_it_cost_and_nothing_more(running):
    engine, run = running
    result = run(engine.generate(build_request("Hi", "Yes.")))
    assert result.prompt_tokens == 9
    assert [(o.text, o.num_tokens, set(o.scores)) for o in result.outputs] == [("", 0, {"reward"})]


def test_a_text_that_is_too_long_is_rejected_and_the_others_are_not(running):
    engine, run = running

    async def work():
        texts = [("a", "b"), ("a", "b " * 300), ("a", "c")]
        asked = (engine.generate(build_request(*text)) for text in texts)
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = run(work())
    assert isinstance(second, RequestRejected) and second.reason == "prompt_too_long"
    assert first.outputs and third.outputs


def test_cancelled_requests_do_not_hold_up_others(running):
    engine, run = running

    async def work():
        tasks = [asyncio.ensure_future(engine.generate(build_request("a", "b"))) for _ in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = run(work())
    assert isinstance(first, asyncio.CancelledError)
    rewards = [result.outputs[0].scores["reward"] for result in others]
    assert rewards == pytest.approx([rewards[0]] * 3, abs=1e-5)


@pytest.mark.heavy
def test_killed_or_hung_processes_are_replaced_by_the_supervisor(folder):
    built = []

    def build():
        built.append(RewardEngine(build_config(folder, resources={"window": 8})))
        return built[-1]

    async def work():
        supervisor = Supervisor(build, stall_seconds=2)
        texts = build_texts(24, seed=1)
        expected = [await supervisor.run([build_request(*text)]) for text in texts[:1]]
        os.kill(built[0].pid, signal.SIGSTOP)  # hangs: the watchdog has to find out
        hung_pid = built[0].pid
        results = await asyncio.gather(*(supervisor.run([build_request(*text)]) for text in texts))
        os.kill(built[1].pid, signal.SIGKILL)
        again = await supervisor.run([build_request(*texts[0])])
        await supervisor.stop()
        return expected[0], results, again, hung_pid, supervisor.restarts

    expected, results, again, hung_pid, restarts = asyncio.run(work())
    assert restarts == 2 and len(built) == 3
    rewards = [result[0].outputs[0].scores["reward"] for result in (expected, results[0], again)]
    assert rewards == pytest.approx([rewards[0]] * 3, abs=1e-5) and len(results) == 24
    for pid in (hung_pid, *(engine.pid for engine in built)):
        assert pid is None or not os.path.exists(f"/proc/{pid}")


def test_a_stopped_engine_answers_dead(folder):
    engine = RewardEngine(build_config(folder))

    async def work():
        with pytest.raises(EngineDead, match="not started"):
            await engine.generate(build_request("a", "b"))
        await engine.stop()
        await engine.stop()

    asyncio.run(work())


def test_what_cannot_be_loaded_ends_the_stage_with_one_line(tmp_path):
    folder = build_llama(tmp_path, head=False)
    with pytest.raises(EngineError, match=r"weights without score\.weight"):
        asyncio.run(start_and_stop(build_config(folder)))


@pytest.mark.heavy
def test_a_reward_that_is_no_number_is_no_reward(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = build_deberta(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match="reward_not_finite"):
        asyncio.run(start_and_stop(build_config(folder)))
