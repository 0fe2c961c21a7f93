"""The parts of the report on the other stages: rows, sampling, ranking, pairs, training; pure.

Stages write what they measured into the `metrics` of their record. Curves of training are drawn;
all else is shown as it is: a number that a stage adds is in the report without a change here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.page import Block, Figure, Section
from alignray.reports.plots import Estimate, Whisker, plot_intervals
from alignray.reports.sections.cost import build_cost_blocks
from alignray.reports.sections.lineage import build_lineage_blocks
from alignray.reports.training import build_training_figures
from alignray.reports.values import build_blocks, is_estimate

Record = Mapping[str, Any]

_TITLES = {"sample": "Sampling", "rank": "Ranking", "pairs": "Pairs"}
_TRAINING_VERBS = ("sft", "dpo")


def build_stage_sections(records: Sequence[Record]) -> list[Section]:
    """Sections for all records that are not evaluations, rows and cost first, lineage last."""
    sections = [Section("Cost and time", build_cost_blocks(records))]
    training = [record for record in records if record["verb"] in _TRAINING_VERBS]
    if training:
        intro = "Each drawing is also a file, SVG and PNG, in plots/ of its stage."
        sections.append(Section("Training", _build_training_blocks(training), intro))
    for record in records:
        if record["verb"] not in (*_TRAINING_VERBS, "eval"):
            title = f"{_TITLES.get(record['verb'], record['verb'])}: {record['stage']}"
            blocks = [*_build_figures(record), *build_blocks(record["metrics"])]
            if blocks:
                sections.append(Section(title, blocks))
    intro = "How each number can be traced, and made again."
    return [*sections, Section("Lineage", build_lineage_blocks(records), intro)]


def _build_figures(record: Record) -> list[Block]:
    """What a stage's numbers are drawn for, where they are there."""
    found = [_build_audit_figure(record), _build_position_figure(record)]
    return [figure for figure in found if figure is not None]


def _build_audit_figure(record: Record) -> Figure | None:
    """Pairs: the share of labels that a silly rule would give too."""
    audit = record["metrics"].get("label_audit", {}).get("all", {})
    rules = {name: share for name, share in audit.items() if _has_value(share)}
    if not rules:
        return None
    title = "Would a silly rule give the same labels?"
    whiskers = [
        Whisker(f"the {name}", _read_estimate(share), color=1) for name, share in rules.items()
    ]
    sizes = ", ".join(f"{name} {share['n']}" for name, share in rules.items())
    caption = (
        f"Of the pairs on which a rule decides (n: {sizes}): how often it picks the chosen one."
        " Near 50 % it explains nothing; near 0 or 100 % a model can learn it instead of the"
        " preference. Not measured: whether the labels are right."
    )
    return Figure(title, plot_intervals(title, whiskers), caption)


def _build_position_figure(record: Record) -> Figure | None:
    """Ranking: the mean rank given to each place of presentation."""
    places = [
        place
        for place in record["metrics"].get("position_bias", [])
        if _has_value(place["mean_rank"])
    ]
    if not places:
        return None
    size = max(place["responses"] for place in places)
    shown = [place for place in places if place["responses"] == size]
    whiskers = [
        Whisker(f"shown {place['place']}.", _read_estimate(place["mean_rank"]), color=1)
        for place in shown
    ]
    title = f"Position bias: mean rank of each place among {size}"
    drawing = plot_intervals(title, whiskers, (1.0, float(size)), lambda value: f"{value:.2f}")
    caption = (
        f"n = {shown[0]['mean_rank']['n']} prompts. Without bias every place has"
        f" {(size + 1) / 2:.1f}."
        " Not measured: whether the order is right."
    )
    return Figure(title, drawing, caption)


def _has_value(share: Any) -> bool:
    return is_estimate(share) and share["value"] is not None and share["ci_low"] is not None


def _read_estimate(share: Mapping[str, Any]) -> Estimate:
    return Estimate(share["value"], share["ci_low"], share["ci_high"])


def _build_training_blocks(records: Sequence[Record]) -> list[Block]:
    blocks: list[Block] = []
    for record in records:
        blocks += build_training_figures(record["stage"], record["metrics"]).values()
    for record in records:
        hidden = {key: value for key, value in record["metrics"].items() if key != "curve"}
        blocks += build_blocks(hidden, f"{record['stage']}: ", folded=True)
    return blocks
