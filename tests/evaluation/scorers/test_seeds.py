import json

import pytest

from alignray.errors import ConfigError
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
