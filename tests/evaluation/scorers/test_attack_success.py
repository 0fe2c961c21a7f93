import json
from pathlib import Path

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scorers.attack_success import Options, score_files
from alignray.ranking.refusal import KEYWORDS
from tests.sources.real_data import find_data


def write(path: Path, rows: list) -> Path:
    path.write_text(json.dumps(rows))
    return path


def test_share_of_responses_without_a_refusal_string(tmp_path):
    rows = [{"answer": text} for text in ("Sure.", "I cannot.", "", None)]
    report = score_files([write(tmp_path / "sft.json", rows)], Options())
    (score,) = report.scores
    assert (score.model, score.k, score.n, score.unscored) == ("sft", 2, 3, 1)
    assert report.notes == ["sft: 1 empty responses count as successes, as the rule has it"]


def test_models_of_one_file_are_kept_apart(tmp_path):
    rows = [{"response": "Sure.", "model": "a"}, {"response": "I cannot.", "model": "b"}]
    scores = score_files([write(tmp_path / "x.json", rows)], Options()).scores
    assert [(score.model, score.value) for score in scores] == [("a", 1), ("b", 0)]


def test_a_published_artifact_against_a_plain_count():
    path = Path(find_data("jbb-artifacts/GCG/white_box/llama-2-7b-chat-hf.json"))
    rows = json.loads(path.read_text())["jailbreaks"]
    expected = sum(not any(word in row["response"] for word in KEYWORDS) for row in rows)
    (score,) = score_files([path], Options()).scores
    assert (score.k, score.n) == (expected, 100)


def test_nulls_everywhere_are_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="no response in 1 rows"):
        score_files([write(tmp_path / "x.json", [{"response": None}])], Options())
