from __future__ import annotations

from pathlib import Path

from alignray.config.ranking import RUBRICS_DIR, locate_rubric
from alignray.fingerprint import compute_fingerprint, identify_inputs
from alignray.prompts import PROMPTS_DIR
from tests.ranking.completions import build_config


def fingerprint(**changes: object) -> str:
    config = build_config(**changes)
    return compute_fingerprint(config, "rank", identify_inputs(config))


def test_a_changed_rubric_changes_the_fingerprint_and_its_place_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("Grade it.")
    second.write_text("Grade it.")
    base = fingerprint(safety_rubric=str(first))
    assert fingerprint(safety_rubric=str(second)) == base
    first.write_text("Grade it well.")
    assert fingerprint(safety_rubric=str(first)) != base
    assert fingerprint() != base


def test_fields_of_the_other_mode_do_not_count() -> None:
    assert fingerprint(rank_rubric="safety", num_orders=7) == fingerprint()
    assert fingerprint(mode="rank", verdict="choice", safety_weight=0.1) == fingerprint(mode="rank")
    assert fingerprint(mode="rank", num_orders=7) != fingerprint(mode="rank")
    assert fingerprint(mode="rank") != fingerprint()


def test_the_gate_and_the_place_do_not_count() -> None:
    assert fingerprint(max_unscored_rate=0.5, output_dir="elsewhere") == fingerprint()
    assert fingerprint(judge={"type": "fake", "resources": {"num_cpus": 2}}) == fingerprint()
    assert fingerprint(judge={"type": "fake", "model": "other"}) != fingerprint()
    assert fingerprint(safety_weight=0.6) != fingerprint()


def test_rubrics_are_inputs() -> None:
    inputs = build_config().inputs()
    assert set(inputs) == {"completions", "safety_rubric", "helpfulness_rubric"}
    assert inputs["safety_rubric"] == ("data", str(RUBRICS_DIR / "safety.txt"))
    assert set(build_config(mode="rank").inputs()) == {"completions", "rank_rubric"}


def test_rubrics_are_where_the_prompts_are() -> None:
    assert RUBRICS_DIR.resolve() == PROMPTS_DIR.resolve()
    assert locate_rubric("./safety") == "./safety"
    assert locate_rubric("nothing") == "nothing"
