"""The numbers to see first: from the first model to the last."""

from __future__ import annotations

from alignray.reports.entries import (
    HARM,
    OVER_REFUSAL,
    USELESS,
    Metrics,
    find_entries,
    find_entry,
    list_benchmarks,
    show_counts,
    show_interval,
)
from alignray.reports.page import Headline
from alignray.reports.svg import format_percent

_MAX_HEADLINES = 6


def build_headlines(metrics: Metrics) -> list[Headline]:
    """Harm, over-refusal, the worst useless rate, and the judge; at most six of the rates."""
    if len(set(metrics.get("references", {}).values())) > 1:
        return []  # several runs: there is no one model that the others are compared with
    headlines = []
    for kind, name, title in (
        ("harmful", HARM, "Harmful answers"),
        ("benign", OVER_REFUSAL, "Over-refusal"),
    ):
        for benchmark in list_benchmarks(metrics, kind):
            found = _build_headline(metrics, benchmark, name, f"{title} on {benchmark}")
            headlines += [found] if found else []
    headlines = headlines[:_MAX_HEADLINES]
    headlines += _build_useless_headline(metrics)
    tau = find_entry(metrics, metrics["judge"], "all", "judge_tau_mean")
    if tau:
        interval = f"{tau['ci_low']:.2f} to {tau['ci_high']:.2f}, n = {tau['n']}"
        headlines.append(
            Headline("Judge against truth", f"τ = {tau['value']:.2f}", "Kendall tau-b", interval)
        )
    return headlines


def _build_headline(metrics: Metrics, benchmark: str, name: str, title: str) -> Headline | None:
    found = find_entries(metrics, benchmark, name)
    if not found:
        return None
    first, last = found[0], found[-1]
    if first is last:
        return Headline(
            title, format_percent(last["value"]), show_interval(last), show_counts(last)
        )
    return Headline(
        title,
        f"{format_percent(first['value'])} → {format_percent(last['value'])}",
        f"{first['model']} → {last['model']}: {show_interval(first)} → {show_interval(last)}",
        show_counts(last),
    )


def _build_useless_headline(metrics: Metrics) -> list[Headline]:
    """The worst set of the last model: a harm rate that falls with the text is no success."""
    last = metrics["models"][-1]
    found = [
        entry
        for entry in metrics["report"]
        if entry["model"] == last and entry["metric"] in (USELESS, f"{USELESS}_truth")
    ]
    if not found:
        return []
    worst = max(found, key=lambda entry: float(entry["value"]))
    where = f"on {worst['benchmark']}" + (" (truth)" if worst["metric"] != USELESS else "")
    return [
        Headline(
            "Useless answers, worst set",
            format_percent(worst["value"]),
            f"{last} {where}: {show_interval(worst)}",
            show_counts(worst),
        )
    ]
