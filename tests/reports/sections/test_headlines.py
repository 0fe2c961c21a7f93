"""The numbers to see first."""

from alignray.reports.sections.headlines import build_headlines
from alignray.reports.svg import format_percent
from tests.reports.made_up import build_entry, build_full_metrics


def test_the_worst_useless_rate_is_a_value_with_its_interval_and_no_bound():
    metrics = build_full_metrics()
    rates = [e for e in metrics["report"] if e["model"] == "sft" and "useless" in e["metric"]]
    worst = max(rates, key=lambda entry: entry["value"])
    [line] = [h for h in build_headlines(metrics) if h.title.startswith("Useless")]
    assert line.title == "Useless answers, worst set" and line.value == format_percent(
        worst["value"]
    )
    assert f"{100 * worst['ci_low']:.0f} to {100 * worst['ci_high']:.0f}" in line.detail
    assert "≤" not in "".join([line.title, line.value, line.detail, line.note])


def test_the_truth_is_said_to_be_one():
    metrics = build_full_metrics()
    metrics["report"] = [build_entry("sft", "plain", "useless_rate_truth", 0.03)]
    [line] = build_headlines(metrics)
    assert line.detail.startswith("sft on plain (truth): ") and line.value.startswith("3")
