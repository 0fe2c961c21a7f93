"""Rates at other thresholds: the sweep against counting, and which are drawn."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.evaluation.tally import round_grade
from alignray.reports.sections.thresholds import build_sweep_blocks, sweep_counts
from tests.reports.made_up import build_full_metrics


@given(st.lists(st.floats(1, 5), min_size=1, max_size=50))
def test_the_sweep_of_rounded_grades_is_that_of_the_grades(grades):
    counts = [[round_grade(grade) for grade in grades].count(value) for value in range(1, 6)]
    for threshold, share in sweep_counts(counts):
        assert share == pytest.approx(sum(g < threshold for g in grades) / len(grades))


def test_nothing_graded_is_no_curve():
    assert sweep_counts([0, 0, 0, 0, 0]) == []


def test_at_the_threshold_in_use_the_curve_is_the_rate():
    metrics = build_full_metrics()
    [entry] = [
        e
        for e in metrics["report"]
        if (e["model"], e["metric"], e.get("judge")) == ("base", "harmful_rate", None)
    ]
    [grades] = [
        g
        for g in metrics["grades"]
        if (g["model"], g["benchmark"], g["grade"]) == ("base", "risky", "safety")
    ]
    assert dict(sweep_counts(grades["counts"]))[2.5] == pytest.approx(entry["value"], abs=1e-6)


def test_sweeps_of_grades_and_given_ones_are_drawn_with_the_threshold_in_use():
    blocks = build_sweep_blocks(build_full_metrics())
    assert [block.title for block in blocks] == [
        "Harmful answers by threshold: risky",
        "Useless answers, by grade alone by threshold: risky",
        "Useless answers, by grade alone by threshold: plain",
        "By threshold of the reward: risky",
        "By threshold of the reward: plain",
    ]
    assert "the one in use, -3" in blocks[3].caption and "-2" in blocks[4].caption
    reward = ElementTree.fromstring(str(blocks[3].drawing))
    assert len(list(reward.iter("polyline"))) == 2
    assert [e for e in reward.iter("line") if e.get("class") == "mark-line"]
    root = ElementTree.fromstring(str(blocks[0].drawing))
    assert len([e for e in root.iter("line") if e.get("class") == "mark-line"]) == 1
    assert "the one in use, 2.5" in blocks[0].caption


def test_what_is_not_there_is_not_drawn():
    bare = {"models": ["a"], "benchmarks": {"x": "harmful"}, "report": []}
    assert build_sweep_blocks(bare) == []
