"""Which rows the main table has, and which differences it marks."""

import pytest

from alignray.reports.sections.main_table import (
    Contrast,
    Row,
    build_main_table,
    correct_tests,
    describe_row,
    find_marks,
    list_main_rows,
)
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_entry, build_full_metrics


def test_the_main_rates_come_first_and_truths_and_categories_stay_out():
    rows = list_main_rows(build_full_metrics())
    assert [row.metric for row in rows[:5]] == [
        "harmful_rate", "over_refusal_rate", "answered_rate", "useless_rate", "useless_rate",
    ]  # fmt: skip
    assert rows[5:8] == [
        Row("accuracy", "mmlu"),
        Row("accuracy", "gsm8k"),
        Row("harmfulness_score", "risky", "policy"),
    ]
    assert {"HmR", "HpR", "CAS", "mean_reward", "flag_rate"} <= {row.metric for row in rows}
    assert not [row for row in rows if "/" in row.benchmark]
    wins = Row("win_rate", "plain", "pairs", "base")
    assert wins in rows and describe_row(wins) == "win, plain (judge pairs, against base)"


def test_p_values_are_corrected_over_the_tests_of_the_table_alone():
    """Eight paired tests, of which four are of truths."""
    metrics = build_made_up_metrics()
    raw = {
        Contrast(c["second"], c["metric"], c["benchmark"]): c["p_value"]
        for c in metrics["comparisons"]
        if not c["metric"].endswith("_truth")
    }
    adjusted = correct_tests(metrics)
    assert adjusted.keys() == raw.keys() and len(raw) == 4
    least = min(raw, key=raw.get)
    assert adjusted[least] == pytest.approx(4 * raw[least])


def test_the_fall_of_the_harm_is_marked_and_chance_is_not():
    [table] = build_main_table(build_made_up_metrics())
    base, sft = table.rows[0][1:]
    assert (base.mark, sft.mark, sft.tone) == ("", "↓**", "better")
    assert all(cell.mark == "" for cell in table.rows[1][1:])
    assert "differs from base" in table.caption and "over the 4 tests" in table.caption
    assert " to " in sft.detail


def test_a_rise_of_what_should_be_low_is_worse():
    metrics = build_made_up_metrics()
    for entry in metrics["comparisons"]:
        if entry["metric"] == "harmful_rate":
            entry["value"] = -entry["value"]
    marks = find_marks(metrics)
    assert marks[Contrast("sft", "harmful_rate", "risky")].text == "↑**"
    assert not marks[Contrast("sft", "harmful_rate", "risky")].better


def test_without_tests_nothing_is_marked_and_that_is_said():
    metrics = build_made_up_metrics() | {"comparisons": []}
    [table] = build_main_table(metrics)
    assert not [cell for row in table.rows for cell in row[1:] if cell.mark]
    assert "no differences are marked" in table.caption


def test_unscored_rows_and_missing_entries_show():
    metrics = build_made_up_metrics()
    metrics["report"] = [
        build_entry("base", "risky", "harmful_rate", 0.5, unscored=7),
        build_entry("sft", "plain", "perplexity", 12.5, k=None),
    ]
    [table] = build_main_table(metrics)
    assert table.rows[0][1].detail.endswith("7 unscored") and table.rows[0][2].text == "–"
    assert table.rows[1][2].text == "12.5"
    assert build_main_table(metrics | {"report": []}) == []
