"""How answers were drawn, in words: the decoding in effect of each benchmark; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.reports.entries import Metrics

_PLAIN = {"top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
"""Values at which a setting does nothing and is not named."""


def describe_decoding(metrics: Metrics) -> str:
    """One phrase where all benchmarks were answered alike, else one for each way of answering.

    E.g. `temperature 0.0, at most 256 tokens, seed 0`, or `gsm8k: temperature 0.0, at most 512
    tokens, seed 0; mmlu: the likeliest of A, B, C, D`.
    """
    named: dict[str, list[str]] = {}
    for benchmark, form in metrics.get("forms", {}).items():
        if benchmark in metrics["benchmarks"]:
            named.setdefault(describe_form(form), []).append(benchmark)
    if len(named) == 1:
        return next(iter(named))
    return "; ".join(f"{', '.join(names)}: {phrase}" for phrase, names in named.items())


def describe_form(form: Mapping[str, Any]) -> str:
    """How one benchmark was answered; labels need no drawing."""
    if form["labels"]:
        return f"the likeliest of {', '.join(form['labels'])}"
    sampling = form["sampling"]
    parts = [f"temperature {sampling['temperature']}", f"at most {sampling['max_tokens']} tokens"]
    parts += [
        f"{name} {sampling[name]}"
        for name, plain in _PLAIN.items()
        if sampling.get(name, plain) != plain
    ]
    parts += [f"stop at {sampling['stop']}"] if sampling.get("stop") else []
    return ", ".join([*parts, f"seed {sampling['seed']}"])
