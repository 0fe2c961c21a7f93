"""What the monitor counts: sums over actors, and the stage's working time."""

from alignray.inference import monitor
from alignray.inference.monitor import StageMonitor, Totals


def test_totals_add_up_and_the_later_failure_wins():
    total = Totals(rows=1, starts=1, last_failure="a") + Totals(rows=2, starts=2, restarts=1)
    assert total == Totals(rows=3, starts=3, restarts=1, last_failure="a")
    assert (total + Totals(last_failure="b")).last_failure == "b"


def test_seconds_go_from_the_first_begin_to_the_last_commit(monkeypatch):
    now = 100.0
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now)
    stage = StageMonitor.__ray_metadata__.modified_class()
    assert stage.get_totals() == Totals()
    stage.begin(0)
    now = 105.0
    stage.begin(1)
    stage.report(Totals(rows=3, starts=1))
    now = 109.0
    stage.report(Totals(starts=1))  # no commit
    assert stage.get_totals() == Totals(rows=3, starts=2, chunks=2, seconds=5.0)
