"""Time and tokens of every stage."""

from alignray.reports.page import Figure
from alignray.reports.sections.cost import build_cost_blocks, build_cost_table, build_given_cost
from tests.reports.made_up import COUNTS, build_full_metrics


def build_record(stage, seconds, metrics):
    return {"stage": stage, "verb": stage, "counts": COUNTS, "seconds": seconds, "metrics": metrics}


def test_speeds_are_over_the_seconds_of_the_record():
    sample = {"prompt_tokens": 8000, "completion_tokens": 1000, "requests_this_run": 10}
    [row] = build_cost_table([build_record("sample", 4.0, sample)]).rows
    assert row == ["sample", "4.0", "2.5", "8,000", "1,000", "250", "10", "–"]


def test_tokens_of_engines_are_added_up():
    [row] = build_cost_table([build_record("eval", 10.0, build_full_metrics())]).rows
    assert row[3:7] == ["99,000", "8,600", "860", "2,400"]


def test_no_time_and_no_tokens_are_dashes():
    [row] = build_cost_table([build_record("pairs", 0.0, {})]).rows
    assert row == ["pairs", "0.0", "–", "–", "–", "–", "–", "–"]


def test_cost_by_engine_and_how_many_were_started_are_shown():
    records = [build_record("a", 1.0, {}), build_record("b", 2.0, build_full_metrics())]
    blocks = build_cost_blocks(records)
    assert isinstance(blocks[0], Figure) and "3 s in all" in blocks[0].caption
    note, table = blocks[-2:]
    assert note.text == "1 engine started for 2 models, 1 for verdicts, b."
    assert table.title == "Cost by engine, b" and len(table.rows) == 2
    assert build_given_cost({}) == []
