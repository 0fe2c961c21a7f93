"""Tries of a request, on a scripted server without a network."""

import asyncio
from typing import Any

import pytest

from alignray.inference.attempts import Attempts, Hopeless, explain_end
from alignray.inference.engine import RequestFailed, RequestRejected
from alignray.inference.openai_response import Trouble
from alignray.inference.retry import RetryBudget
from alignray.inference.throttle import Throttle

BROKEN = Trouble("retry", "http 500", None, 500)
BUSY = Trouble("busy", "http 429", None, 429)


class Script:
    """Replies in their order, the last one for ever."""

    def __init__(self, *replies: Any, floor: int = 20, slots: int = 32) -> None:
        self.replies = list(replies)
        self.naps: list[float] = []
        self.asked = 0
        self.budget = RetryBudget(0.0, floor)
        self.throttle = Throttle(slots)
        self.attempts = Attempts(self.budget, self.throttle, 60.0, self.nap)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)

    async def send(self) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def run(self, max_tries: int = 6) -> Any:
        return asyncio.run(self.attempts.run(self.send, max_tries))


def test_an_answer_after_troubles() -> None:
    script = Script(BROKEN, BUSY, {"ok": 1})
    assert script.run() == {"ok": 1}
    assert (script.asked, script.attempts.ended, script.budget.retries) == (3, 3, 2)
    assert len(script.naps) == 2 and script.naps[1] <= 1.0


@pytest.mark.parametrize("max_tries", [1, 2, 6])
def test_no_answer_after_all_tries(max_tries: int) -> None:
    script = Script(BROKEN)
    with pytest.raises(RequestFailed, match=f"http 500, {max_tries} tries"):
        script.run(max_tries)
    assert script.asked == max_tries
    assert script.budget.retries == len(script.naps) == max_tries - 1


def test_rejected_and_fatal_are_not_tried_again() -> None:
    for trouble, error in (
        (Trouble("reject", "a"), RequestRejected),
        (Trouble("fatal", "b"), Hopeless),
    ):
        script = Script(trouble)
        with pytest.raises(error):
            script.run()
        assert script.asked == 1 and script.naps == []


def test_a_long_retry_after_neither_waits_nor_stops_the_others() -> None:
    script = Script(Trouble("busy", "http 429", 61.0, 429))
    with pytest.raises(RequestFailed, match="retry after 61 s"):
        script.run()
    assert script.naps == [] and script.throttle.get_pause() == 0


def test_a_wave_of_busy_takes_one_retry_of_the_budget() -> None:
    async def main() -> None:
        script = Script(*[BUSY] * 32, {"ok": 1}, floor=1)
        replies = await asyncio.gather(*(script.attempts.run(script.send, 6) for _ in range(32)))
        assert replies == [{"ok": 1}] * 32
        assert script.budget.retries == 1
        assert 16 <= script.throttle.limit < 32

    asyncio.run(main())


def test_a_wave_of_failures_takes_a_retry_each() -> None:
    async def main() -> None:
        script = Script(*[BROKEN] * 32, {"ok": 1}, floor=31)
        runs = (script.attempts.run(script.send, 6) for _ in range(32))
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(Hopeless) == 1
        assert script.throttle.limit == 32

    asyncio.run(main())


def test_answers_bring_slots_back() -> None:
    script = Script(BUSY, {"ok": 1}, slots=2)
    script.run()
    assert script.throttle.limit == 1.25


def test_others_keep_the_pause_that_one_was_told() -> None:
    script = Script({"ok": 1})
    script.throttle.note_busy(0.0, 5.0)
    script.run()
    assert 4.5 < script.naps[0] <= 5.5


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (Hopeless(Trouble("fatal", "http 401", None, 401)), "put a key that it accepts into $KEY"),
        (Hopeless(Trouble("fatal", "http 307", None, 307)), "expected no redirect"),
        (Hopeless(Trouble("fatal", "http 402", None, 402)), "check the quota"),
        (Hopeless(BROKEN, RetryBudget(0.1, 20, 300, 30)), "expected at most 30"),
    ],
)
def test_the_end_is_explained_in_one_line(end: Hopeless, found: str) -> None:
    text = str(explain_end(end, "judge at host", "KEY"))
    assert text.startswith("judge at host: ") and found in text and "\n" not in text
