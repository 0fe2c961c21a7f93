"""Progress: what a bar and a line say, and how often lines come."""

import io

from alignray.progress import Progress, format_seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(stream, steps, total=1000, done=0):
    now = [0.0]
    with Progress("sample", total, done, stream, lambda: now[0]) as progress:
        for seconds, rows, tokens in steps:
            now[0] = seconds
            progress.update(rows, tokens, 1, 2)
    return stream.getvalue()


def test_line_names_rows_speed_troubles_and_rest():
    text = run(io.StringIO(), [(10, 100, 5000)]).splitlines()[-1]
    assert text == "sample    10% 100/1,000 rows  ETA 1:30  500 tokens/s  1 unscored  2 failed"


def test_rows_of_earlier_runs_count_as_done_but_not_as_speed():
    text = run(io.StringIO(), [(10, 100, 5000)], done=400).splitlines()[-1]
    assert "500/1,000 rows" in text
    assert "ETA 0:50" in text


def test_speed_is_that_of_the_last_half_minute():
    steps = [(t, 10 * t, 0) for t in range(1, 60)] + [
        (t, 590 + (t - 59), 0) for t in range(60, 120)
    ]
    text = run(io.StringIO(), steps).splitlines()[-1]
    assert f"ETA {format_seconds(350)}" in text


def test_lines_are_few_off_a_terminal():
    steps = [(t / 10, t // 10, 0) for t in range(10_000)]
    lines = run(io.StringIO(), steps).splitlines()
    assert 15 <= len(lines) <= 25
    assert "\r" not in "".join(lines)


def test_a_stuck_stage_still_says_so_every_minute():
    lines = run(io.StringIO(), [(t, 1, 0) for t in range(600)]).splitlines()
    assert 9 <= len(lines) <= 13


def test_bar_is_redrawn_on_a_terminal_and_ends_its_line():
    text = run(Terminal(), [(1, 250, 10), (2, 1000, 20)])
    assert "[###---------]" in text
    assert text.count("\n") == 1
    assert "100%" in text.split("\r")[-1]
    assert "in 0:02" in text.split("\r")[-1]


def test_no_rows_is_all_done():
    assert "100% 0/0 rows" in run(io.StringIO(), [], total=0)


def test_format_seconds():
    assert [format_seconds(s) for s in (0, 41.4, 723, 11275)] == [
        "0:00",
        "0:41",
        "12:03",
        "3:07:55",
    ]


def test_a_note_takes_the_place_of_the_troubles():
    now, stream = [0.0], io.StringIO()
    with Progress("sft", 100, stream=stream, clock=lambda: now[0]) as progress:
        now[0] = 10.0
        progress.update(10, 5000, note="loss 1.25")
    last = stream.getvalue().splitlines()[-1]
    assert last == "sft       10% 10/100 rows  ETA 1:30  500 tokens/s  loss 1.25"


def test_rebased_progress_counts_speed_from_its_new_start():
    now, stream = [0.0], io.StringIO()
    with Progress("sft", 90, stream=stream, clock=lambda: now[0]) as progress:
        now[0] = 20.0
        progress.rebase(100, 40)
        now[0] = 25.0
        progress.update(10)
    assert "50% 50/100 rows  ETA 0:25" in stream.getvalue().splitlines()[-1]


def test_a_single_look_gives_no_speed():
    stream = io.StringIO()
    now = [100.0]
    with Progress("sft", 10, 0, stream, lambda: now[0]) as progress:
        progress.rebase(10, 0)
        progress.update(10, 900_000)
    assert "ETA 0:00  0 tokens/s" in stream.getvalue() or "in 0:00  0 tokens/s" in stream.getvalue()
