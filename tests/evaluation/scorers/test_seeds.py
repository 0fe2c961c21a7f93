import json

import pytest

from alignray.errors import ConfigError, SourceError
from alignray.evaluation.score import run_score


def run(*arguments):
    return json.loads(run_score("seeds", [str(a) for a in arguments], as_json=True))


def test_three_seeds_of_one_model(tmp_path):
    files = []
    for seed in range(3):
        path = tmp_path / f"seed-{seed}.csv"
        rows = "".join(f"p{i},{int((i * 7 + seed * 3) % 10 < 4)}\n" for i in range(100))
        path.write_text("prompt_id,correct\n" + rows)
        files.append(path)
    report = run(*files, "low=0", "high=1")
    score = report["scores"][0]
    assert (score["value"], score["n"], score["num_prompts"]) == (pytest.approx(0.4), 300, 100)
    assert score["seed_sd"] == pytest.approx(0)
    assert 0 < score["ci_low"] < 0.4 < score["ci_high"] < 1
    assert report["details"]["seed_means"]["seed-1"] == pytest.approx(0.4)
    assert run(*files[:2])["notes"]
    with pytest.raises(ConfigError, match="two seeds"):
        run(files[0])


def write(path, values):
    path.write_text("id,score\n" + "".join(f"{k},{v}\n" for k, v in values.items()))
    return path


def test_values_outside_the_range_are_named(tmp_path):
    files = [write(tmp_path / f"{x}.csv", {1: 1, 2: 5}) for x in "ab"]
    with pytest.raises(SourceError, match="5 of 2 is outside low=0 high=1"):
        run(*files, "low=0", "high=1")


def test_equal_values_have_no_interval_of_width_zero(tmp_path):
    report = run(*(write(tmp_path / f"{x}.csv", dict.fromkeys(range(9), 3)) for x in "ab"))
    assert report["scores"][0]["ci_low"] is None
    assert any("all values are equal" in note for note in report["notes"])
    score = run(*(write(tmp_path / f"{x}.csv", dict.fromkeys(range(9), 1)) for x in "ab"))
    assert score["scores"][0]["ci_low"] < 1 == score["scores"][0]["ci_high"]


def test_only_shared_prompts_count(tmp_path):
    first = write(tmp_path / "a.csv", {1: 1, 2: 0, 3: 1, 4: 1})
    second = write(tmp_path / "b.csv", {1: 1, 2: 0, 3: 1, 5: 0})
    report = run(first, second)
    assert (report["scores"][0]["n"], report["scores"][0]["unscored"]) == (6, 0)
    assert "2 prompts are not in all files: left out" in report["notes"]
    with pytest.raises(SourceError, match="no prompt id"):
        run(first, write(tmp_path / "c.csv", {8: 1, 9: 0}))
