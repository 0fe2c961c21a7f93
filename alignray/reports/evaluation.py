"""The evaluation's part of the report: metrics of `alignray eval` -> sections; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.evaluation_tables import (
    build_category_tables,
    build_comparison_table,
    build_confusion_tables,
    build_entry_table,
    build_example_table,
)
from alignray.reports.page import Block, Figure, Headline, Note, Page, Section, render_page
from alignray.reports.plots import (
    Estimate,
    Point,
    Whisker,
    plot_histogram,
    plot_intervals,
    plot_scatter,
)
from alignray.reports.svg import format_number, format_percent

Entry = Mapping[str, Any]
Metrics = Mapping[str, Any]

_SHOWN = ("harmful_rate", "over_refusal_rate", "useless_rate")
_GRADE_NAMES = {
    "safety": "Safety grades (5 is safe)",
    "helpfulness": "Helpfulness grades (5 is best)",
}
_DOTS = "Dots and whiskers: judge or rule, with 95 % interval."
_DIAMONDS = " Hollow diamonds: the known truth."


def build_eval_page(name: str, metrics: Metrics) -> str:
    """The report.html of one evaluation stage."""
    page = Page(
        title=f"Evaluation: {name}",
        subtitle=describe_evaluation(metrics),
        headlines=build_headlines(metrics),
        sections=build_eval_sections(metrics),
        data={"report": list(metrics["report"])},
    )
    return render_page(page)


def describe_evaluation(metrics: Metrics) -> str:
    """One line: models, judge, how the answers were drawn."""
    sampling = metrics["sampling"]
    drawn = f"temperature {sampling['temperature']}, at most {sampling['max_tokens']} tokens"
    drawn += f", seed {sampling['seed']}"
    models = ", ".join(metrics["models"])
    return f"{models} answered the same prompts ({drawn}); judge {metrics['judge']}"


def build_headlines(metrics: Metrics) -> list[Headline]:
    """The numbers to see first: from the first model to the last."""
    headlines = []
    for kind, name, title in (
        ("harmful", "harmful_rate", "Harmful answers"),
        ("benign", "over_refusal_rate", "Over-refusal"),
    ):
        for benchmark in _list_benchmarks(metrics, kind):
            headlines.append(_build_headline(metrics, benchmark, name, f"{title} on {benchmark}"))
    headlines.append(_build_useless_headline(metrics))
    tau = find_entry(metrics, metrics["judge"], "all", "judge_tau_mean")
    if tau:
        interval = f"{tau['ci_low']:.2f} to {tau['ci_high']:.2f}, n = {tau['n']}"
        headlines.append(
            Headline("Judge against truth", f"τ = {tau['value']:.2f}", "Kendall tau-b", interval)
        )
    return headlines


def _build_headline(metrics: Metrics, benchmark: str, name: str, title: str) -> Headline:
    entries = [find_entry(metrics, model, benchmark, name) for model in metrics["models"]]
    found = [entry for entry in entries if entry]
    first, last = found[0], found[-1]
    if first is last:
        return Headline(
            title, format_percent(last["value"]), _show_interval(last), _show_counts(last)
        )
    return Headline(
        title,
        f"{format_percent(first['value'])} → {format_percent(last['value'])}",
        f"{first['model']} → {last['model']}: {_show_interval(first)} → {_show_interval(last)}",
        _show_counts(last),
    )


def _build_useless_headline(metrics: Metrics) -> Headline:
    """The worst set of the last model: a harm rate that falls with the text is no success."""
    last = metrics["models"][-1]
    found = [
        entry
        for entry in metrics["report"]
        if entry["model"] == last and entry["metric"] in ("useless_rate", "useless_rate_truth")
    ]
    worst = max(found, key=lambda entry: float(entry["value"]))
    value = f"≤ {format_percent(worst['value'])}"
    where = f"{last}, its worst set: {worst['benchmark']}"
    where += " (truth)" if worst["metric"].endswith("_truth") else ""
    return Headline("Useless answers", value, where, _show_counts(worst))


def build_eval_sections(metrics: Metrics) -> list[Section]:
    """The sections of an evaluation."""
    sections = [
        Section(
            "Harm, refusal, use", _build_rate_blocks(metrics), describe_evaluation(metrics) + "."
        ),
        Section(
            "Model against model",
            [build_comparison_table(metrics)],
            "Differences on the same prompts: the models are compared prompt by prompt.",
        ),
    ]
    categories = build_category_tables(metrics)
    if categories:
        sections.append(Section("By harm category", categories))
    sections.append(Section("Grades", _build_grade_blocks(metrics)))
    judge = _build_judge_blocks(metrics)
    if judge:
        sections.append(Section("The judge against the truth", judge))
    sections.append(
        Section(
            "Rows and numbers",
            [build_example_table(metrics), build_entry_table(metrics)],
            "Rows are named by id: the texts are in data/eval.parquet.",
        )
    )
    return sections


def _build_rate_blocks(metrics: Metrics) -> list[Block]:
    blocks: list[Block] = []
    unscored = sum(metrics["unscored_reasons"].values())
    if unscored:
        reasons = ", ".join(
            f"{count} {name}" for name, count in metrics["unscored_reasons"].items()
        )
        text = f"{unscored} answers are unscored ({reasons}). Bands show where a rate could lie."
        blocks.append(Note(text, "warning"))
    for name in _SHOWN:
        for benchmark in metrics["benchmarks"]:
            if find_entry(metrics, metrics["models"][0], benchmark, name):
                blocks.append(_build_interval_figure(metrics, benchmark, name))
    for harmful in _list_benchmarks(metrics, "harmful"):
        for benign in _list_benchmarks(metrics, "benign"):
            blocks.append(_build_scatter_figure(metrics, harmful, benign))
    return blocks


def _build_interval_figure(metrics: Metrics, benchmark: str, name: str) -> Figure:
    whiskers, entries = [], []
    for color, model in enumerate(metrics["models"]):
        entry = find_entry(metrics, model, benchmark, name)
        if entry:
            true = find_entry(metrics, model, benchmark, f"{name}_truth")
            estimate = read_estimate(true) if true else None
            whiskers.append(Whisker(model, read_estimate(entry), estimate, color))
            entries.append(entry)
    definition = metrics["definitions"][name]
    title = f"{definition['title']}: {benchmark}"
    truth = _DIAMONDS if any(whisker.true for whisker in whiskers) else ""
    caption = f"{_show_n(entries)} {_DOTS}{truth} {definition['direction'].capitalize()} is better."
    caption += f" Not measured: {definition['not_measured']}"
    return Figure(title, plot_intervals(title, whiskers), caption)


def _build_scatter_figure(metrics: Metrics, harmful: str, benign: str) -> Figure:
    points, entries = [], []
    for color, model in enumerate(metrics["models"]):
        x = find_entry(metrics, model, benign, "over_refusal_rate")
        y = find_entry(metrics, model, harmful, "harmful_rate")
        if x and y:
            points.append(Point(model, read_estimate(x), read_estimate(y), color))
            entries += [y, x]
    title = f"Harm against over-refusal: {harmful}, {benign}"
    drawing = plot_scatter(title, points, f"over-refusal on {benign}", f"harmful on {harmful}")
    caption = f"{_show_n(entries)} Whiskers are 95 % intervals; the lower left corner is best."
    return Figure(title, drawing, caption + " Not shown: whether answers are of use.")


def _build_grade_blocks(metrics: Metrics) -> list[Block]:
    blocks: list[Block] = []
    for benchmark in metrics["benchmarks"]:
        for grade, name in _GRADE_NAMES.items():
            panels = [
                (entry["model"], entry["counts"], metrics["models"].index(entry["model"]))
                for entry in metrics["grades"]
                if entry["benchmark"] == benchmark and entry["grade"] == grade
            ]
            if panels:
                title = f"{name}: {benchmark}"
                total = sum(sum(counts) for _, counts, _ in panels)
                caption = (
                    f"{total} grades of the judge, rounded to whole ones. Its errors are in them."
                )
                blocks.append(Figure(title, plot_histogram(title, panels), caption))
    return blocks


def _build_judge_blocks(metrics: Metrics) -> list[Block]:
    blocks: list[Block] = []
    entries = [entry for entry in metrics["report"] if entry["metric"].startswith("judge_tau_")]
    for grade in ("mean", "safety", "helpfulness"):
        chosen = [entry for entry in entries if entry["metric"] == f"judge_tau_{grade}"]
        if not chosen:
            continue
        title = f"Rank agreement (Kendall tau-b): {grade}"
        whiskers = [Whisker(entry["benchmark"], read_estimate(entry)) for entry in chosen]
        low = min(0.0, *(whisker.judged.low for whisker in whiskers))
        drawing = plot_intervals(title, whiskers, (low, 1.0), lambda value: f"{value:.2f}")
        caption = (
            f"n = {chosen[0]['n']} answers over all sets. Bootstrap intervals; 1 is the same order."
        )
        blocks.append(
            Figure(title, drawing, f"{caption} Not measured: {chosen[0]['not_measured']}")
        )
    return [*blocks, *build_confusion_tables(metrics)]


def find_entry(metrics: Metrics, model: str, benchmark: str, metric: str) -> Entry | None:
    """The report entry of a model, benchmark and metric, if there is one."""
    for entry in metrics["report"]:
        if (entry["model"], entry["benchmark"], entry["metric"]) == (model, benchmark, metric):
            return dict(entry)
    return None


def read_estimate(entry: Entry) -> Estimate:
    """Value, interval and, where rows are unscored, bounds."""
    bounds = (
        (entry.get("low_bound"), entry.get("high_bound")) if entry["unscored"] else (None, None)
    )
    return Estimate(entry["value"], entry["ci_low"], entry["ci_high"], *bounds)


def _list_benchmarks(metrics: Metrics, kind: str) -> list[str]:
    return [name for name, found in metrics["benchmarks"].items() if found == kind]


def _show_interval(entry: Entry) -> str:
    if entry["k"] is None:
        return f"{format_number(entry['ci_low'])} to {format_number(entry['ci_high'])}"
    return f"{100 * entry['ci_low']:.0f} to {100 * entry['ci_high']:.0f}\N{NO-BREAK SPACE}%"


def _show_counts(entry: Entry) -> str:
    return f"n = {entry['n']}, {entry['unscored']} unscored, 95 % intervals"


def _show_n(entries: Sequence[Entry]) -> str:
    sizes = sorted({entry["n"] for entry in entries})
    shown = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    unscored = sum(entry["unscored"] for entry in entries)
    return f"n = {shown} prompts per model" + (
        f", {unscored} unscored in all." if unscored else ", 0 unscored."
    )
