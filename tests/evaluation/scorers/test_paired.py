import json

import pytest

from alignray.errors import ConfigError, EvaluationError, SourceError
from alignray.evaluation.score import run_score


def run(*arguments):
    return json.loads(run_score("paired", [str(a) for a in arguments], as_json=True))


def write(tmp_path, name, values):
    path = tmp_path / name
    path.write_text("id,score\n" + "".join(f"{k},{v}\n" for k, v in values.items()))
    return path


def test_rates_by_prompt_with_both_tests(tmp_path):
    first = write(tmp_path, "base.csv", {i: int(i < 30) for i in range(60)})
    second = write(tmp_path, "dpo.csv", {i: int(i < 10) for i in reversed(range(1, 70))})
    report = run(first, second)
    score = report["scores"][0]
    assert (score["model"], score["compared_with"], score["n"]) == ("dpo", "base", 59)
    assert score["value"] == pytest.approx(-20 / 59)
    assert score["mcnemar_p_value"] == pytest.approx(2 / 2**20, abs=1e-9)
    assert score["table"] == {"only_first": 20, "only_second": 0, "both": 9, "neither": 30}
    assert report["details"]["unmatched"]["base"] == ["0"]
    assert sum("left out" in note for note in report["notes"]) == 2
    assert -0.5 < score["ci_low"] < -20 / 59 < score["ci_high"] < -0.2


def test_grades_keep_to_their_range(tmp_path):
    first = write(tmp_path, "a.csv", {i: 1 + i % 3 for i in range(60)})
    second = write(tmp_path, "b.csv", {i: 3 + i % 3 for i in range(60)})
    score = run(first, second, "low=1", "high=5")["scores"][0]
    assert score["value"] == 2 and "mcnemar_p_value" not in score
    assert 1.5 < score["ci_low"] < 2 < score["ci_high"] < 2.5


def test_what_cannot_be_compared_is_an_error(tmp_path):
    first, other = write(tmp_path, "a.csv", {1: 1}), write(tmp_path, "b.csv", {2: 1})
    with pytest.raises(EvaluationError, match="0 in both"):
        run(first, other)
    with pytest.raises(ConfigError, match="two"):
        run(first)
    with pytest.raises(ConfigError, match="low"):
        run(first, first, "low=1")


def test_range_direction_and_p_values(tmp_path):
    first = write(tmp_path, "a.csv", {i: i % 2 for i in range(20)})
    second = write(tmp_path, "b.csv", dict.fromkeys(range(20), 1))
    report = run(first, second, "direction=lower")
    assert report["scores"][0]["direction"] == "lower"
    assert report["notes"][0] == "values of `score`" and "McNemar" in report["notes"][1]
    with pytest.raises(SourceError, match=r"outside low=0 high=0\.5"):
        run(first, second, "low=0", "high=0.5")
