"""Engine death, hang and quarantine, on an engine whose every move the test decides."""

import asyncio

import pytest

from alignray.config.inference import SamplingParams
from alignray.errors import EngineError
from alignray.inference.engine import (
    EngineDead,
    Output,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.lanes import Lanes
from alignray.inference.supervisor import Supervisor


class ScriptedEngine:
    """Dies on `poison`, never answers `hang`, answers the rest at once."""

    max_sequences = 8

    def __init__(self, log):
        self.log = log
        self.progress = 0
        self.stopped = None
        self.dead = False

    def weigh(self, request):
        return request.sampling.n

    async def start(self):
        self.stopped = asyncio.get_running_loop().create_future()
        self.log.append("start")

    async def generate(self, request):
        text = request.messages[0]["content"]
        self.log.append(text)
        await asyncio.sleep(0.001)
        if text == "poison":
            self.dead = True
        if self.dead:
            raise EngineDead("poisoned")
        if text == "hang":
            await self.stopped
            raise EngineDead("stopped")
        self.progress += 1
        return Result([Output(text.upper(), "stop", 1)], 1)

    async def stop(self):
        if not self.stopped.done():
            self.stopped.set_result(None)


def request(text):
    return Request(text, [{"role": "user", "content": text}], SamplingParams(), seed=0)


async def run_rows(supervisor, texts):
    rows = [supervisor.run([request(text)]) for text in texts]
    results = await asyncio.gather(*rows, return_exceptions=True)
    await supervisor.stop()
    return [r if isinstance(r, BaseException) else r[0].outputs[0].text for r in results]


def test_poison_row_is_quarantined_and_the_others_answered():
    log = []
    supervisor = Supervisor(lambda: ScriptedEngine(log), max_tries=3)
    texts = [f"row{i}" for i in range(5)] + ["poison"] + [f"row{i}" for i in range(5, 20)]
    results = asyncio.run(run_rows(supervisor, texts))
    assert [r for r in results if isinstance(r, str)] == [t.upper() for t in texts if t != "poison"]
    [failure] = [r for r in results if not isinstance(r, str)]
    assert isinstance(failure, RequestFailed) and "died 3 times" in failure.reason
    assert log.count("poison") == 3 and log.count("start") == supervisor.starts == 4
    assert all(log.count(t) <= 2 for t in texts if t != "poison")


def test_hanging_row_is_found_by_the_watchdog():
    log = []
    supervisor = Supervisor(lambda: ScriptedEngine(log), max_tries=2, stall_seconds=0.2)
    results = asyncio.run(run_rows(supervisor, ["a", "hang", "b"]))
    assert results[0] == "A" and results[2] == "B"
    assert isinstance(results[1], RequestFailed)
    assert log.count("hang") == 2


def test_engine_that_cannot_start_ends_the_stage():
    class Broken(ScriptedEngine):
        async def start(self):
            await super().start()
            raise EngineError("model", "missing")

    with pytest.raises(EngineError, match="model: missing"):
        asyncio.run(Supervisor(lambda: Broken([])).run([request("a")]))


def test_engine_that_dies_while_starting_is_tried_three_times():
    log = []

    class Dying(ScriptedEngine):
        async def start(self):
            await super().start()
            raise EngineDead("at birth")

    with pytest.raises(EngineError, match="died 3 times while starting"):
        asyncio.run(Supervisor(lambda: Dying(log)).run([request("a")]))
    assert log == ["start"] * 3


def test_first_error_of_a_row_cancels_its_other_requests():
    async def run():
        supervisor = Supervisor(lambda: ScriptedEngine([]), max_tries=1)
        with pytest.raises(RequestFailed):
            await supervisor.run([request("hang"), request("poison")])
        await supervisor.stop()

    asyncio.run(asyncio.wait_for(run(), 5))


def test_lanes_hold_the_capacity_and_give_one_row_the_engine_alone():
    async def run():
        lanes, used, peak, alone = Lanes(10), 0, 0, []

        async def share(weight):
            nonlocal used, peak
            async with lanes.share(weight):
                used += weight
                peak = max(peak, used)
                await asyncio.sleep(0.001)
                used -= weight

        async def be_alone():
            async with lanes.alone():
                alone.append(used)
                await asyncio.sleep(0.001)
                alone.append(used)

        await asyncio.gather(
            *[share(1 + i % 5) for i in range(50)], *[be_alone() for _ in range(3)]
        )
        assert peak <= 10 and alone == [0] * 6 and lanes.in_flight == 0
        await asyncio.wait_for(share(99), 1)  # more than the capacity gets it all
        assert lanes.in_flight == 0

    asyncio.run(run())


def test_cancelled_waiters_do_not_block_the_lanes():
    async def run():
        lanes = Lanes(1)
        async with lanes.share(1):
            waiting = [asyncio.ensure_future(_enter(lanes)) for _ in range(3)]
            await asyncio.sleep(0)
            for task in waiting[:2]:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 1)
        assert lanes.in_flight == 0

    async def _enter(lanes):
        async with lanes.share(1):
            pass

    asyncio.run(run())


def test_a_rejected_request_leaves_the_others_of_its_row():
    class Picky(ScriptedEngine):
        async def generate(self, request):
            if request.request_id == "long":
                raise RequestRejected("prompt_too_long")
            return await super().generate(request)

    async def run(texts):
        supervisor = Supervisor(lambda: Picky([]))
        try:
            return await supervisor.run([request(text) for text in texts])
        finally:
            await supervisor.stop()

    fine, rejected = asyncio.run(run(["a", "long"]))
    assert fine.outputs[0].text == "A" and rejected.rejected == "prompt_too_long"
    for texts in (["long"], ["long", "long"]):
        with pytest.raises(RequestRejected, match="prompt_too_long"):
            asyncio.run(run(texts))
