"""The ledger: commits are all or nothing, torn lines and debris never count."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.durable import compute_file_digest
from alignray.errors import LedgerError, StorageError
from alignray.inference import ledger
from alignray.inference.consolidate import consolidate, recover_swap

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("text", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.list_(pa.int64())),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("key", pa.string()),
    ]
)


def build_rows(rows, status="ok", text="t"):
    return ledger.build_table(
        [
            {
                "row": row,
                "text": f"{text}{row}",
                "prompt_tokens": 2,
                "completion_tokens": [1, 3],
                "status": status,
                "reason": None,
                "key": f"k{row}",
            }
            for row in rows
        ],
        SCHEMA,
    )


def commit(stage_dir: Path, rows, name, *, salt="s", status="ok", text="t"):
    (stage_dir / "ledger").mkdir(exist_ok=True)
    shard = ledger.write_shard(
        stage_dir, f"ledger/shard-{name}.parquet", build_rows(rows, status, text), salt
    )
    ledger.ManifestWriter(stage_dir).append(shard)
    return shard


def test_shard_counts_and_tokens(tmp_path):
    shard = commit(tmp_path, [3, 1, 2], "a")
    assert (shard.num_rows, shard.ok, shard.unscored, shard.failed) == (3, 3, 0, 0)
    assert (shard.prompt_tokens, shard.completion_tokens) == (6, 12)
    assert shard.rows == [[1, 3]] and shard.keys == ["k3", "k1", "k2"]
    assert shard.sha256 == compute_file_digest(tmp_path / shard.path)
    assert ledger.read_shards(tmp_path) == [shard]


@given(st.sets(st.integers(0, 200)))
def test_ranges_round_trip(rows):
    assert set(ledger.decode_ranges(ledger.encode_ranges(rows))) == rows


@given(cut=st.integers(1, 400))
def test_torn_last_line_was_never_committed(tmp_path_factory, cut):
    stage_dir = tmp_path_factory.mktemp("stage")
    commit(stage_dir, [0, 1], "a")
    [manifest] = (stage_dir / "ledger").glob("manifest-*.jsonl")
    whole = manifest.read_text()
    torn = whole + whole.replace("shard-a", "shard-b")[: min(cut, len(whole) - 2)]
    manifest.write_text(torn)
    assert [shard.path for shard in ledger.read_shards(stage_dir)] == ["ledger/shard-a.parquet"]


def test_broken_line_in_the_middle_is_an_error(tmp_path):
    commit(tmp_path, [0], "a")
    [manifest] = (tmp_path / "ledger").glob("manifest-*.jsonl")
    manifest.write_text("{broken\n" + manifest.read_text())
    with pytest.raises(LedgerError, match=r"manifest-.*:1: a broken line"):
        ledger.read_shards(tmp_path)


def test_debris_is_removed_and_committed_shards_stay(tmp_path):
    kept = commit(tmp_path, [0], "a")
    (tmp_path / "ledger" / "shard-b.parquet").write_bytes(b"half")
    (tmp_path / "ledger" / ".shard-c.parquet.tmp").write_bytes(b"half")
    assert ledger.remove_debris(tmp_path, ledger.read_shards(tmp_path)) == 2
    assert [f.name for f in (tmp_path / "ledger").glob("*shard*")] == [Path(kept.path).name]


def test_shard_of_another_configuration_is_refused(tmp_path):
    commit(tmp_path, [0], "a", salt="old")
    with pytest.raises(LedgerError, match="another model, template, parameters or rubric"):
        ledger.check_salt(ledger.read_shards(tmp_path), "new", tmp_path)


def test_no_space_leaves_no_file(tmp_path, monkeypatch):
    (tmp_path / "ledger").mkdir()

    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", refuse)
    with pytest.raises(StorageError, match="no space left"):
        ledger.write_shard(tmp_path, "ledger/shard-a.parquet", build_rows([0]), "s")
    assert list((tmp_path / "ledger").iterdir()) == []


def test_consolidate_orders_rows_and_drops_duplicates(tmp_path):
    commit(tmp_path, [4, 0, 2], "a")
    commit(tmp_path, [1, 3, 2], "b", text="late")
    parts = consolidate(tmp_path, 5, SCHEMA)
    table = pq.read_table(tmp_path / "data" / "part-00000.parquet")
    assert table["row"].to_pylist() == [0, 1, 2, 3, 4]
    assert sorted(table["text"].to_pylist()) == sorted(["t0", "late1", "t2", "late3", "t4"]) or (
        sorted(table["text"].to_pylist()) == sorted(["t0", "late1", "late2", "late3", "t4"])
    )
    assert [f.name for f in (tmp_path / "ledger").iterdir()] == ["manifest.jsonl"]
    assert ledger.read_shards(tmp_path) == parts
    before = (tmp_path / "ledger" / "manifest.jsonl").read_bytes()
    assert consolidate(tmp_path, 5, SCHEMA) == parts
    assert (tmp_path / "ledger" / "manifest.jsonl").read_bytes() == before


def test_consolidate_prefers_the_row_that_did_not_fail(tmp_path):
    commit(tmp_path, [0], "a", status="failed", text="bad")
    commit(tmp_path, [0], "b", text="good")
    consolidate(tmp_path, 1, SCHEMA)
    table = pq.read_table(tmp_path / "data" / "part-00000.parquet")
    assert table["text"].to_pylist() == ["good0"]


def test_retried_failures_are_merged_into_consolidated_data(tmp_path):
    commit(tmp_path, [0, 1], "a")
    commit(tmp_path, [2], "b", status="failed")
    consolidate(tmp_path, 3, SCHEMA)
    shards = ledger.read_shards(tmp_path)
    assert ledger.collect_finished_rows(shards, retry_failed=True) == {0, 1}
    assert ledger.collect_finished_rows(shards) == {0, 1, 2}
    commit(tmp_path, [2], "c")
    parts = consolidate(tmp_path, 3, SCHEMA)
    assert (parts[0].ok, parts[0].failed) == (3, 0)
    assert not (tmp_path / "data.old").exists()


def test_missing_row_is_an_error(tmp_path):
    commit(tmp_path, [0, 2], "a")
    with pytest.raises(LedgerError, match="1 of 3 rows are missing, the first is row 1"):
        consolidate(tmp_path, 3, SCHEMA)
    assert not (tmp_path / "data").exists()


def test_changed_shard_is_an_error(tmp_path):
    shard = commit(tmp_path, [0], "a")
    pq.write_table(build_rows([0], text="other"), tmp_path / shard.path)
    with pytest.raises(LedgerError, match="its content is not what was committed"):
        consolidate(tmp_path, 1, SCHEMA)


def test_swap_killed_half_way_is_undone(tmp_path):
    commit(tmp_path, [0], "a")
    consolidate(tmp_path, 1, SCHEMA)
    (tmp_path / "data").rename(tmp_path / "data.old")
    (tmp_path / "data.new").mkdir()
    recover_swap(tmp_path)
    assert (tmp_path / "data" / "part-00000.parquet").is_file()
    assert not (tmp_path / "data.new").exists() and not (tmp_path / "data.old").exists()


def test_manifest_line_is_plain_json(tmp_path):
    commit(tmp_path, [0], "a")
    [manifest] = (tmp_path / "ledger").glob("manifest-*.jsonl")
    line = json.loads(manifest.read_text())
    assert {"path", "sha256", "salt", "keys", "ok", "unscored", "failed"} <= line.keys()
