"""Harm against over-refusal against utility: who is on the front, and what is drawn."""

from alignray.reports.page import Figure, Note
from alignray.reports.sections.tradeoff import build_tradeoff_blocks, describe_front
from tests.reports.made_up import build_entry

RATES = {"a": (0.5, 0.0, 0.9), "b": (0.1, 0.2, 0.8), "c": (0.5, 0.2, 0.8)}


def build_metrics(rates):
    report = []
    for model, (harm, refusal, answered) in rates.items():
        report.append(build_entry(model, "risky", "harmful_rate", harm))
        report.append(build_entry(model, "plain", "over_refusal_rate", refusal))
        report.append(build_entry(model, "plain", "answered_rate", answered))
    benchmarks = {"risky": "harmful", "plain": "benign"}
    return {"models": list(rates), "benchmarks": benchmarks, "report": report}


def test_the_front_is_named_and_so_are_the_beaten():
    text = describe_front(build_metrics(RATES))
    assert "are a and b." in text and "Dominated by another: c." in text
    assert "By the values alone" in text


def test_two_drawings_for_a_pair_of_sets_with_their_own_fronts():
    note, refusal, utility = build_tradeoff_blocks(build_metrics(RATES))
    assert isinstance(note, Note) and isinstance(refusal, Figure)
    assert "Pareto front (a and b)" in refusal.caption and "lower left" in refusal.caption
    assert "Pareto front (a and b)" in utility.caption and "lower right" in utility.caption


def test_one_model_has_no_front_and_no_rates_no_drawing():
    [refusal, utility] = build_tradeoff_blocks(build_metrics({"a": RATES["a"]}))
    assert "front" not in refusal.caption + utility.caption
    assert build_tradeoff_blocks(build_metrics(RATES) | {"report": []}) == []


def test_a_model_without_some_rate_is_left_out_of_the_front_of_all():
    metrics = build_metrics(RATES)
    metrics["report"] = [e for e in metrics["report"] if e["model"] != "c"]
    assert "c" not in describe_front(metrics).split("are")[1].split(".")[0]


def test_many_sets_are_cut_and_that_is_said():
    metrics = build_metrics(RATES)
    for index in range(9):
        metrics["benchmarks"][f"plain-{index}"] = "benign"
        metrics["report"] += [
            build_entry(model, f"plain-{index}", "over_refusal_rate", 0.1) for model in RATES
        ]
    for entry in [e for e in metrics["report"] if e["benchmark"] == "plain"]:
        metrics["report"] += [
            entry | {"benchmark": f"plain-{index}", "metric": "answered_rate"} for index in range(9)
        ]
    blocks = build_tradeoff_blocks(metrics)
    assert sum(isinstance(block, Figure) for block in blocks) == 12
    assert "8 more pairs of sets" in blocks[-1].text
