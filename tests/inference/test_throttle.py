"""The slots of an endpoint."""

import asyncio

import pytest

from alignray.inference.throttle import Throttle


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_wave_of_refusals_halves_once() -> None:
    clock = Clock()
    throttle = Throttle(32, clock)
    clock.now = 101.0
    assert throttle.note_busy(100.0, 0.0)
    assert not any(throttle.note_busy(100.5, 0.0) for _ in range(31))
    assert throttle.limit == 16
    assert not throttle.note_busy(101.0, 0.0)  # began with the cut: a coarse clock
    clock.now = 102.0
    assert throttle.note_busy(101.5, 0.0)
    assert throttle.limit == 8


def test_slots_end_at_one_and_grow_back_to_the_maximum() -> None:
    clock = Clock()
    throttle = Throttle(2, clock)
    for second in range(1, 9):
        clock.now = 100.0 + second
        throttle.note_busy(clock.now, 0.0)
    assert throttle.limit == 1
    throttle.note_answer()
    assert throttle.limit == 1.25
    throttle.note_answer()
    assert throttle.limit == 1.45  # 1.25 + 0.25 / 1.25
    for _ in range(20):
        throttle.note_answer()
    assert throttle.limit == 2


def test_a_pause_holds_for_everybody_and_is_never_shortened() -> None:
    clock = Clock()
    throttle = Throttle(4, clock)
    assert throttle.get_pause() == 0
    throttle.note_busy(100.0, 5.0)
    throttle.note_busy(100.0, 2.0)
    clock.now = 101.0
    assert throttle.get_pause() == 4
    clock.now = 106.0
    assert throttle.get_pause() == 0


def test_slots_are_given_in_order_and_up_to_the_limit() -> None:
    async def run() -> list[int]:
        throttle = Throttle(2)
        order: list[int] = []
        peak = 0

        async def work(number: int) -> None:
            nonlocal peak
            async with throttle.slot():
                order.append(number)
                peak = max(peak, throttle.in_flight)
                await asyncio.sleep(0)

        await asyncio.gather(*(work(i) for i in range(20)))
        assert peak == 2 and throttle.in_flight == 0
        return order

    assert asyncio.run(run()) == list(range(20))


@pytest.mark.parametrize("admitted", [False, True])
def test_a_cancelled_waiter_gives_its_slot_back(admitted: bool) -> None:
    async def run() -> None:
        throttle = Throttle(1)
        release = asyncio.Event()

        async def hold() -> None:
            async with throttle.slot():
                await release.wait()

        first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
        if admitted:
            release.set()
            await first  # the second has its slot, and has not run yet
        second.cancel()
        release.set()
        await asyncio.gather(first, second, return_exceptions=True)
        assert throttle.in_flight == 0
        async with asyncio.timeout(1), throttle.slot():
            pass

    asyncio.run(run())
