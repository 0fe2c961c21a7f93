import json
from pathlib import Path

import pytest

from alignray.errors import ConfigError, SourceError
from alignray.evaluation.score import run_score
from tests.sources.real_data import find_data


def run(*arguments):
    return json.loads(run_score("position_consistency", [str(a) for a in arguments], as_json=True))


def by_metric(report):
    return {score["metric"]: score for score in report["scores"]}


def test_llmbars_equal_counts():
    report = run(find_data("llmbar/LLMBar/Natural/evaluators/GPT-4/Vanilla/result.json"))
    scores = by_metric(report)
    assert (scores["position_consistency"]["k"], scores["flip_rate"]["k"]) == (95, 5)
    assert len(report["details"]["flipped"]["GPT-4/Vanilla:Natural"]) == 5


def test_reviews_of_one_order_cannot_say():
    path = find_data("vicuna-blog-eval/review/others/review_llama_alpaca-13b.jsonl")
    with pytest.raises(SourceError, match="80 reviews, each in one order alone"):
        run(path)


def test_a_real_review_against_its_mirror(tmp_path):
    path = find_data("vicuna-blog-eval/review/others/review_llama_alpaca-13b.jsonl")
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    for row in rows:  # the same scores by position: a judge that looks at nothing else
        row["answer1_id"], row["answer2_id"] = row["answer2_id"], row["answer1_id"]
    back = tmp_path / "back.jsonl"
    back.write_text("\n".join(map(json.dumps, rows)))
    scores = by_metric(run(path, back))
    assert (scores["flip_rate"]["k"], scores["flip_rate"]["n"]) == (79, 80)  # one pair is a tie
    assert scores["position_consistency"]["k"] == 1


def test_two_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,ab,ba\nx,1,1\ny,1,2\nz,,2\n")
    scores = by_metric(run(path, "first=ab", "second=ba"))
    assert (scores["flip_rate"]["k"], scores["flip_rate"]["n"]) == (1, 2)
    assert scores["position_consistency"]["unscored"] == 1
    with pytest.raises(SourceError, match="no verdicts of two orders"):
        run(path)
    with pytest.raises(ConfigError, match="both columns or none"):
        run(path, "first=ab")
