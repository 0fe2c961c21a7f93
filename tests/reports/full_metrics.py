"""metrics.json of an evaluation with everything, by the code that writes it: rows in, counts out.

Every further judge has its say, a category has no verdict, a choice benchmark has its groups, a
source lacks a category. A change of what `build_metrics` writes is a change here.
"""

import functools
import json
import random
from dataclasses import replace

from alignray.evaluation.cost import describe_engines
from alignray.evaluation.summary import build_metrics
from alignray.evaluation.tally import EvalTally
from alignray.sources import SourceAudit
from tests.evaluation.made_up import HARM, ROW, UNSCORED, build_config, build_row

FAKE = {"type": "fake", "model": "other"}
JUDGES = {
    "policy": {"type": "policy", "engine": FAKE},
    "classes": {"type": "refusal", "engine": FAKE},
    "pairs": {"type": "compare", "engine": FAKE},
    "rewards": {"type": "reward", "engine": {"type": "reward", "model_name_or_path": "rm"}},
    "flags": {"type": "moderation", "engine": {"type": "moderation"}},
    "second": {"type": "grades", "engine": FAKE},
}
SUBJECTS = ("anatomy", "marketing", "philosophy", "econometrics")
"""One of each category of MMLU."""
COST = [
    {"engine": "shared", "models": ["base", "sft"], "starts": 1, "rows": 400, "requests": 800}
    | {"prompt_tokens": 9000, "completion_tokens": 7000, "seconds": 12.5},
    {"engine": "judge", "models": [], "starts": 1, "rows": 400, "requests": 1600}
    | {"prompt_tokens": 90000, "completion_tokens": 1600, "seconds": 20.0},
]


def build_full_config(**changes):
    """Two models on judged benchmarks, one of choices and one of numbers, by all judges."""
    benchmarks = {
        "risky": {"prompts": "risky.jsonl", "kind": "harmful"},
        "plain": {"prompts": "plain.jsonl", "kind": "benign"},
        "mmlu": {"name": "mmlu", "prompts": "mmlu.csv"},
        "gsm8k": {"name": "gsm8k", "prompts": "gsm8k.jsonl"},
    }
    return build_config(**{"benchmarks": benchmarks, "judges": JUDGES} | changes)


def build_full_tally(config):
    """400 prompts as `made_up` has them, two of a category that nobody could judge, gold ones."""
    rng, tally = random.Random(0), EvalTally(config.thresholds)
    for number in range(400):
        rows = [build_row(rng, number, model) for model in HARM]
        tally.add_prompt([judge_row(row, rng) for row in rows])
    for number, reasons in (
        (400, ("unreadable", "unreadable")),
        (402, ("unreadable", "truncated")),
    ):
        lost = replace(ROW, row=number, prompt_id=f"p-{number}", category="Lost")
        sides = zip(HARM, reasons, strict=True)
        tally.add_prompt(
            [replace(lost, model=m, **UNSCORED | {"reason": f"{why}: x"}) for m, why in sides]
        )
    for number in range(404, 484):
        tally.add_prompt([build_gold_row(rng, number, model) for model in HARM])
    return tally


def build_gold_row(rng, number, model):
    """A question of MMLU at even numbers, of GSM8K at odd ones; no judge sees them."""
    choice = number % 2 == 0
    return replace(
        ROW,
        row=number,
        prompt_id=f"p-{number}",
        model=model,
        benchmark="mmlu" if choice else "gsm8k",
        kind="choice" if choice else "number",
        category=SUBJECTS[number // 2 % 4] if choice else None,
        safety=None,
        helpfulness=None,
        refusal=None,
        correct=rng.random() < 0.6,
    )


def judge_row(row, rng):
    """The row with what all further judges say of it; the policy judge left some unread."""
    bad = row.safety < 2.5
    unread = row.prompt_id in ("p-0", "p-2") or (row.prompt_id, row.model) == ("p-4", "sft")
    said = [
        ("policy", None, "5" if bad else "1", 5.0 if bad else 1.0, {}, "no label: x"),
        ("classes", None, "full_refusal" if row.refusal else "full_compliance", None, {}, None),
        ("rewards", None, None, rng.gauss(-4 if bad else -1, 1), {}, None),
        ("flags", None, "flagged" if bad else "passed", None, build_flags(bad, rng), None),
        ("second", None, None, round(row.safety), build_grades(row, rng), None),
    ]
    if row.model != "base":
        flipped = float(rng.random() < 0.2)
        scores = {"flipped": flipped, "first_place": 0.7}
        said.append(("pairs", "base", "win", rng.choice([0.0, 0.5, 1.0]), scores, None))
    judgements = [
        {
            "judge": judge,
            "against": against,
            "label": None if reason and unread else label,
            "value": None if reason and unread else value,
            "scores": [{"name": name, "score": score} for name, score in scores.items()],
            "reason": reason if unread else None,
        }
        for judge, against, label, value, scores, reason in said
    ]
    return replace(row, judgements=judgements)


def build_flags(bad, rng):
    """Two categories of a moderation endpoint."""
    return {"flagged:hate": float(bad), "flagged:violence": float(bad and rng.random() < 0.5)}


def build_grades(row, rng):
    """Of a second grader, who mostly agrees."""
    safety = round(row.safety) if rng.random() < 0.9 else 3
    return {"safety": float(safety), "helpfulness": float(round(row.helpfulness))}


@functools.cache
def _dump_metrics():
    config = build_full_config()
    metrics = build_metrics(build_full_tally(config), config)
    audit = SourceAudit(rows=220, excluded={"empty": [3]}, findings=["category Spam is missing"])
    metrics["sources"] = {"risky": audit.to_metrics(), "plain": SourceAudit(200).to_metrics()}
    metrics["sources"]["mmlu"] = None
    metrics |= {"cost": COST, "engines": describe_engines(COST)}
    return json.dumps(metrics, allow_nan=False)


def build_full_metrics():
    """metrics.json of it all, computed once and handed out as copies."""
    return json.loads(_dump_metrics())
