"""The table at the end of a run."""

from alignray.reports.table import format_report, format_table
from tests.evaluation.made_up import build_made_up_metrics


def test_columns_line_up():
    assert format_table(["a", "bb"], [["long", "1"], ["x", "222"]]).splitlines() == [
        "a      bb",
        "----  ---",
        "long    1",
        "x     222",
    ]


def test_report_shows_rates_by_set_and_model_with_truth_below_and_the_judge_last():
    report = build_made_up_metrics()["report"]
    lines = format_report(report).splitlines()
    assert lines[0].split() == ["rate,", "set", "base", "sft"]
    names = [line.split("  ")[0] for line in lines[2:8]]
    assert names[:2] == ["harmful, risky", "harmful, risky, truth"]
    assert names[2:4] == ["over-refusal, plain", "over-refusal, plain, truth"]
    entry = report[0]
    assert entry["metric"] == "harmful_rate" and f"{100 * entry['value']:.1f}%" in lines[2]
    assert lines[-2].startswith("n = 200 per set, at most 0 unscored")
    assert lines[-1].startswith("judge against truth: Kendall tau 0.")


def test_no_evaluation_is_said():
    assert format_report([]) == "no evaluation in this run"
