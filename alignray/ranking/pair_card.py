"""The data set card of a pair set: README.md with the front matter that the hub reads; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.config.pairs import PairsConfig

_RULE_TEXTS = {
    "longer": "pick the longer response",
    "shorter": "pick the shorter response",
    "refusal": "pick the refusal",
    "first": "pick the one that was sampled first",
}


def render_card(config: PairsConfig, metrics: Mapping[str, Any], has_best: bool) -> str:
    """The card's text.

    Args:
        config: how the pairs were made.
        metrics: `PairTables.to_metrics()`.
        has_best: whether data/sft.parquet is there.
    """
    parts = [
        _render_front_matter(has_best),
        "# Preference pairs\n\nMade by `alignray pairs` from responses that a judge ranked: "
        "`prompt`, `chosen` and `rejected` are message lists in TRL's form, with ratings and models"
        " beside them.",
        _render_settings(config),
        _render_yield(metrics["yield"]),
        _render_audit(metrics["label_audit"]["all"]),
    ]
    return "\n\n".join(parts) + "\n"


def _render_front_matter(has_best: bool) -> str:
    configs = ["- config_name: preference", "  default: true", *_render_file("train.parquet")]
    if has_best:
        configs += ["- config_name: sft", *_render_file("sft.parquet")]
    lines = [
        "tags:",
        "- alignray",
        "- preference",
        "- dpo",
        "- trl",
        "configs:",
        *configs,
    ]
    return "---\n" + "\n".join(lines) + "\n---"


def _render_file(name: str) -> list[str]:
    return ["  data_files:", "  - split: train", f"    path: data/{name}"]


def _render_settings(config: PairsConfig) -> str:
    settings = config.identity()
    rows = "\n".join(f"| `{name}` | `{value}` |" for name, value in settings.items())
    return f"## Settings\n\n| setting | value |\n|---|---|\n{rows}"


def _render_yield(table: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "## Yield",
        "",
        "| subset | prompts | with pairs | pairs | best responses | prompts without pairs |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        reasons = _join_counts(row["prompts_without_pairs"])
        lines.append(
            f"| {_escape(name)} | {row['prompts']} | {row['prompts_with_pairs']} | {row['pairs']} "
            f"| {row['best_responses']} | {reasons} |"
        )
    total = table["all"]
    for title, drops in (("Responses", "responses_dropped"), ("Pairs", "pairs_dropped")):
        lines += ["", f"{title} left out: {_join_counts(total[drops])}."]
    return "\n".join(lines)


def _render_audit(audit: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "## Would a simple rule give the same labels?",
        "",
        "Near .5 a rule explains nothing; near 1 or 0 a model can learn it instead.",
        "",
        "| rule | same label | 95 % interval | of pairs |",
        "|---|---|---|---|",
    ]
    for rule, text in _RULE_TEXTS.items():
        share = audit[rule]
        if share["n"] == 0:
            lines.append(f"| {text} | - | - | 0 |")
        else:
            interval = f"{share['ci_low']:.3f} to {share['ci_high']:.3f}"
            lines.append(f"| {text} | {share['value']:.3f} | {interval} | {share['n']} |")
    return "\n".join(lines)


def _join_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"


def _escape(name: str) -> str:
    """A subset's name comes from data: it may not end a table cell or begin HTML."""
    return "".join(c if c.isalnum() or c in " _.-" else "_" for c in name)
