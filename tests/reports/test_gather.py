"""A run's records -> report.json and report.html, from records alone."""

import json

import pytest

from alignray.errors import ArtifactError
from alignray.reports import build_report
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.hostile import HOSTILE
from tests.reports.markup import Reader

CURVE = [
    {"step": step, "loss": 2 / step, "rewards/margins": step / 10, "rewards/accuracies": 0.5}
    for step in range(1, 30)
]


def write_record(run, stage, verb, metrics, order=0):
    folder = run / stage
    folder.mkdir(parents=True)
    record = {
        "stage": stage,
        "verb": verb,
        "code_version": "0.1.0",
        "counts": {"in": 10, "ok": 7, "unscored": 2, "failed": 1},
        "metrics": metrics,
        "started": f"2026-01-01T00:0{order}:00Z",
        "seconds": 3.5,
    }
    (folder / "record.json").write_text(json.dumps(record))


@pytest.fixture
def run(tmp_path):
    metrics = build_made_up_metrics()
    write_record(tmp_path, "eval", "eval", metrics, 5)
    write_record(tmp_path, "sample", "sample", {"prompt_tokens": 5, "completion_tokens": 9}, 0)
    write_record(tmp_path, "rank", "rank", {"orders": [{"order": "1 2", "flips": 3}]}, 1)
    write_record(tmp_path, "pairs", "pairs", {"yield": {"made": 5, "ties": 1}, "audit": 0.5}, 2)
    write_record(tmp_path, "dpo", "dpo", {"curve": CURVE, "steps": 29, "tokens": 100}, 4)
    return tmp_path


def test_report_json_is_the_list_of_the_evaluations_entries(run):
    path, _ = build_report(run)
    entries = json.loads(path.read_text())
    assert isinstance(entries, list)
    assert entries == json.loads((run / "eval" / "record.json").read_text())["metrics"]["report"]


def test_page_shows_every_stage_and_every_rate(run):
    _, path = build_report(run)
    page = Reader(path.read_text())
    text = " ".join(page.texts)
    for name in (
        "What ran",
        "Ranking: rank",
        "Pairs: pairs",
        "Loss: dpo",
        "Reward margin",
        "flips",
    ):
        assert name in text, name
    for name in (
        "harmful_rate",
        "over_refusal_rate_truth",
        "judge_tau_mean",
        "Not measured",
        "n = ",
    ):
        assert name in text, name
    assert page.running == [] and page.count("svg") >= 10
    assert json.loads(page.scripts["report"]) == json.loads((run / "report.json").read_text())


def test_stages_stand_in_the_order_they_ran(run):
    text = build_report(run)[1].read_text()
    table = text[text.index("Rows of every stage") :]
    places = [table.index(f'row">{name}<') for name in ("sample", "rank", "pairs", "dpo", "eval")]
    assert places == sorted(places)


def test_same_records_same_page(run):
    first = build_report(run)[1].read_bytes()
    assert build_report(run)[1].read_bytes() == first


def test_a_run_without_evaluation_still_has_a_report(tmp_path):
    write_record(tmp_path, "sample", "sample", {"prompt_tokens": 5})
    entries, page = build_report(tmp_path)
    assert json.loads(entries.read_text()) == []
    assert "Rows of every stage" in page.read_text()


def test_an_empty_directory_is_an_error_and_nothing_is_written(tmp_path):
    with pytest.raises(ArtifactError, match="no finished stage"):
        build_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_hostile_names_in_records_do_not_become_nodes(run):
    plain = Reader(build_report(run)[1].read_text())
    for text in HOSTILE:
        path = run / "rank" / "record.json"
        record = json.loads(path.read_text())
        record["metrics"] = {"orders": [{"order": text, "flips": text}]}
        record["stage"] = text
        path.write_text(json.dumps(record))
        page = Reader(build_report(run)[1].read_text())
        assert page.running == []
        assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
