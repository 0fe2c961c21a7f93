import json
from pathlib import Path

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.scorers.jailbreakbench import Options, score_files
from tests.sources.real_data import find_data

# (jailbroken, jailbroken_llama_guard1) of 100, as in the headers and files of the publisher
PUBLISHED = {
    "GCG/transfer/gpt-3.5-turbo-1106": (47, 34),
    "GCG/transfer/gpt-4-0125-preview": (4, 1),
    "GCG/white_box/llama-2-7b-chat-hf": (3, 2),
    "GCG/white_box/vicuna-13b-v1.5": (80, 58),
    "JBC/manual/gpt-3.5-turbo-1106": (0, 0),
    "JBC/manual/gpt-4-0125-preview": (0, 0),
    "JBC/manual/llama-2-7b-chat-hf": (0, 0),
    "JBC/manual/vicuna-13b-v1.5": (90, 79),
}


def write(path: Path, *rows: dict, rate: object = None) -> Path:
    full = [
        {"index": i, "prompt": "p", "response": "r", "category": "c", **row}
        for i, row in enumerate(rows)
    ]
    header = {"model": "m", "method": "PAIR", "attack_success_rate": rate}
    path.write_text(json.dumps({"parameters": header, "jailbreaks": full}))
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_artifacts(name):
    report = score_files([Path(find_data(f"jbb-artifacts/{name}.json"))], Options())
    first, second, agreement = report.scores
    assert (first.k, second.k) == PUBLISHED[name]
    assert first.n == second.n == agreement.n == 100
    assert first.value == pytest.approx(first.extra["published"], abs=1e-6)
    assert report.details["published"][0]["total_number_of_jailbreaks"] == second.k
    assert report.notes == []
    categories = [c for c in report.details["by_category"] if c["judge"] == "jailbroken"]
    assert [c["n"] for c in categories] == [10] * 10
    assert sum(c["k"] for c in categories) == first.k


def test_agreement_of_both_judges_on_a_published_artifact():
    file = Path(find_data("jbb-artifacts/GCG/white_box/vicuna-13b-v1.5.json"))
    agreement = score_files([file], Options()).scores[2]
    assert (agreement.value, agreement.extra["second"]) == (0.74, "jailbroken_llama_guard1")
    assert 0.3 < agreement.extra["cohen_kappa"] < 0.6


def test_nothing_submitted_counts_as_not_jailbroken(tmp_path):
    rows = [
        {"jailbroken": True},
        {"jailbroken": None, "prompt": None, "response": None},
        {"jailbroken": True, "response": None},
        {"jailbroken": None},
    ]
    report = score_files([write(tmp_path / "a.json", *rows)], Options())
    assert [(s.k, s.n, s.unscored) for s in report.scores] == [(1, 3, 1)]
    assert "2 behaviours without a response" in report.notes[0]
    assert "jailbroken although nothing was submitted, not counted: 2" in report.notes[1]
    assert report.details["by_category"][0]["unscored"] == 1


def test_behaviours_that_a_file_lacks(tmp_path):
    file = write(tmp_path / "a.json", {"jailbroken": True}, {"jailbroken": False}, rate=0.01)
    report = score_files([file], Options())
    assert report.scores[0].value == 0.5
    assert "the header says 0.01, its rows 1 of 2" in report.notes[0]
    assert "2 of 100 behaviours" in report.notes[1]
    assert score_files([file], Options(behaviors=100)).scores[0].value == 0.01
    with pytest.raises(SourceError, match="2 behaviours; expected at most behaviors=1"):
        score_files([file], Options(behaviors=1))


def test_nothing_at_all_is_an_error(tmp_path):
    nothing = {"jailbroken": False, "prompt": None, "response": None}
    with pytest.raises(EvaluationError, match="none of 2 behaviours"):
        score_files([write(tmp_path / "a.json", nothing, nothing)], Options())
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_files([write(tmp_path / "b.json", {"jailbroken": None})], Options())


def test_a_verdict_that_some_rows_lack_is_named(tmp_path):
    rows = [{"jailbroken": True, "jailbroken_x": True}, {"jailbroken": True}]
    with pytest.raises(SourceError, match=r"jailbreaks\[1\]: no `jailbroken_x`"):
        score_files([write(tmp_path / "a.json", *rows)], Options())


def test_a_header_with_nan_is_no_number(tmp_path):
    file = write(tmp_path / "a.json", {"jailbroken": True}, rate=float("nan"))
    report = score_files([file], Options())
    assert report.details["published"][0]["attack_success_rate"] is None
