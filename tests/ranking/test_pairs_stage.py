import json

import pyarrow.parquet as pq
import pytest

from alignray.errors import ArtifactError, SourceError, VerdictError
from alignray.ranking.pairs_stage import run_pairs
from alignray.records import Preference
from tests.ranking.rows import build_config, build_row, write_ranked


@pytest.fixture
def ranked(tmp_path):
    rows = [build_row([5.0, 1.0, 3.0], number=i, subset=f"s{i % 2}") for i in range(7)]
    rows.append(build_row([3.0, 3.0], number=7, subset="s1"))
    rows.append(build_row([], generations=[], number=8, status="failed", reason="too long"))
    return write_ranked(rows, tmp_path / "rank")


def run(ranked, out, **fields):
    return run_pairs(build_config(ranked=str(ranked), output_dir=str(out), **fields))


def test_pairs_end_to_end(ranked, tmp_path):
    out = tmp_path / "pairs"
    record = run(ranked, out)
    table = pq.read_table(out / "data" / "train.parquet")
    assert table.schema.equals(Preference.ARROW_SCHEMA)
    rows = table.to_pylist()
    assert [row["prompt_id"] for row in rows] == [f"p{i}" for i in range(7)]
    assert {(row["score_chosen"], row["score_rejected"]) for row in rows} == {(5.0, 1.0)}
    best = pq.read_table(out / "data" / "sft.parquet").to_pylist()
    assert [row["messages"][-1]["role"] for row in best] == ["assistant"] * 7
    assert record["counts"] == {"in": 9, "ok": 8, "unscored": 0, "failed": 1}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["yield"]["all"]["pairs"] == 7
    assert metrics["yield"]["s1"]["prompts_without_pairs"] == {"tie": 1}
    assert set(record["outputs"]) == {"README.md", "data/train.parquet", "data/sft.parquet"}


def test_a_second_run_does_nothing(ranked, tmp_path):
    out = tmp_path / "pairs"
    record = run(ranked, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert run(ranked, out) == record
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(ArtifactError, match="margin"):
        run(ranked, out, margin=1.0)


def test_the_same_input_gives_the_same_bytes(ranked, tmp_path):
    first, second = run(ranked, tmp_path / "a"), run(ranked, tmp_path / "b")
    assert first["outputs"] == second["outputs"]


def test_no_pairs_is_an_error_with_the_reasons(tmp_path):
    rows = [build_row([3.0, 3.0], number=i) for i in range(3)] + [build_row([3.0, 2.9], number=3)]
    ranked = write_ranked(rows, tmp_path / "rank")
    with pytest.raises(VerdictError, match=r"no pair from 4 prompts \(3 tie, 1 below_margin\)"):
        run(ranked, tmp_path / "pairs")
    assert list((tmp_path / "pairs" / "data").iterdir()) == []
    assert not (tmp_path / "pairs" / "record.json").exists()


def test_no_best_response_is_said_and_leaves_the_pairs(tmp_path, capsys):
    ranked = write_ranked([build_row([3.0, 1.0])], tmp_path / "rank")
    run(ranked, tmp_path / "a")
    assert "no response of 1 prompts is rated 4.0 or more" in capsys.readouterr().err
    run(ranked, tmp_path / "b", sft_per_prompt=0)
    for name in ("a", "b"):
        assert [path.name for path in (tmp_path / name / "data").iterdir()] == ["train.parquet"]


def test_input_that_is_no_ranking(ranked, tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        run(tmp_path / "nowhere", tmp_path / "a")
    run(ranked, tmp_path / "pairs")
    with pytest.raises(SourceError, match=r"also row, messages.*alignray rank"):
        run(tmp_path / "pairs" / "data" / "train.parquet", tmp_path / "b")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match="not readable as parquet"):
        run(broken, tmp_path / "c")
    with pytest.raises(SourceError, match="no rows"):
        run(write_ranked([], tmp_path / "empty"), tmp_path / "d")
    assert not any((tmp_path / name).exists() for name in "abcd")


def test_debris_of_a_killed_run_is_written_over(ranked, tmp_path):
    out = tmp_path / "pairs"
    done = run(ranked, tmp_path / "done")
    (out / "data").mkdir(parents=True)
    (out / "data" / ".train.parquet.unfinished").write_bytes(b"half")
    claim = json.loads((tmp_path / "done" / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(claim))
    assert run(ranked, out)["outputs"] == done["outputs"]
    assert sorted(path.name for path in (out / "data").iterdir()) == [
        "sft.parquet",
        "train.parquet",
    ]


@pytest.mark.heavy
def test_the_output_opens_as_a_data_set(ranked, tmp_path):
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "pairs"
    run(ranked, out)
    cache = str(tmp_path / "cache")
    preferences = datasets.load_dataset(str(out / "data"), split="train", cache_dir=cache)
    assert preferences.column_names == Preference.ARROW_SCHEMA.names
    assert len(preferences) == 7
    by_card = datasets.load_dataset(str(out), split="train", cache_dir=cache)
    assert by_card.to_list() == preferences.to_list()
    best = datasets.load_dataset(str(out), "sft", split="train", cache_dir=cache)
    assert "messages" in best.column_names and len(best) == 7
