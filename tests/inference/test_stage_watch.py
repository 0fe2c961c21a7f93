"""Both stages of a job are watched: each has its limit of failed rows, the first is shown."""

import io

import pytest

from alignray.config.inference import PoolConfig
from alignray.inference import stage_watch
from alignray.inference.monitor import Totals
from alignray.inference.stage_watch import StageWatch, Watched, explain_failed_rate
from alignray.progress import Progress


class Monitor:
    """A monitor's handle that answers at once."""

    def __init__(self, **totals):
        self.totals = Totals(**totals)
        self.get_totals = self

    def remote(self):
        return self.totals


@pytest.fixture
def poll(monkeypatch):
    """Looks at the monitors once; returns the watch and what was shown."""
    monkeypatch.setattr(stage_watch.ray, "get", lambda answers, timeout: answers)

    def look(*monitors, pools=None):
        pools = pools or [PoolConfig()] * len(monitors)
        names = ["answerer", "judge"]
        stages = [Watched(n, m, p) for n, m, p in zip(names, monitors, pools, strict=False)]
        progress = Progress("eval", 100, stream=io.StringIO())
        watch = StageWatch(stages, progress)
        watch._poll()
        return watch, progress.render()

    return look


def test_a_follower_over_its_limit_ends_the_job_by_its_name(poll):
    answers = Monitor(rows=50, chunks=1)
    watch, shown = poll(answers, Monitor(rows=11, failed=11, last_failure="no answer", chunks=1))
    assert "engine judge: 11 of 11 rows failed, the last with: no answer" in str(watch.error)
    assert "at most 10" in str(watch.error) and "50/100 rows" in shown
    watch, _ = poll(answers, Monitor(rows=11, failed=10, chunks=1))
    assert watch.error is None and [totals.rows for totals in watch.totals] == [50, 11]


def test_each_stage_has_its_own_limit(poll):
    judge = Monitor(rows=40, failed=40, chunks=1)
    lenient = [PoolConfig(), PoolConfig(max_failed_rate=0.5)]
    watch, _ = poll(Monitor(rows=50, chunks=1), judge, pools=lenient)
    assert watch.error is None
    watch, _ = poll(Monitor(rows=50, failed=12, chunks=1), judge, pools=lenient)
    assert "engine answerer: 12 of 50" in str(watch.error)


def test_an_engine_without_a_place_is_said_after_a_while(poll, monkeypatch):
    assert "waiting for Ray" not in poll(Monitor())[1]
    monkeypatch.setattr(stage_watch, "_PATIENCE_SECONDS", -1.0)
    assert "waiting for Ray: no engine has a place yet" in poll(Monitor())[1]
    assert "waiting for Ray" not in poll(Monitor(chunks=1))[1]


def test_limit_is_a_share_of_all_rows_and_at_least_ten():
    totals = Totals(rows=500, failed=21, last_failure="x")
    assert explain_failed_rate(totals, 2100, PoolConfig(max_failed_rate=0.01), "m") is None
    assert explain_failed_rate(totals, 2000, PoolConfig(max_failed_rate=0.01), "m") is not None
