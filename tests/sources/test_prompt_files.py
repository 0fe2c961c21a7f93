import errno
import itertools

import pyarrow.parquet as pq
import pytest

from alignray.errors import ArtifactError, SourceError, StorageError
from alignray.records import Prompt
from alignray.sources import SourceAudit, read_audit, write_prompts


def prompts(count):
    for i in range(count):
        yield Prompt(
            i, f"p{i}", [{"role": "user", "content": f"q{i}"}], "default", None, f"t:{i}", "{}"
        )


def test_parts_and_row_groups(tmp_path):
    audit = SourceAudit(rows=26, excluded={"empty_chosen": [3]})
    out = tmp_path / "a" / "out"
    assert write_prompts(prompts(25), out, rows_per_part=10, row_group=4, audit=audit) == 25
    files = sorted(out.glob("*.parquet"))
    assert [file.name for file in files] == [f"part-0000{i}.parquet" for i in range(3)]
    groups = []
    for file in files:
        with pq.ParquetFile(file) as stream:
            assert stream.schema_arrow.equals(Prompt.ARROW_SCHEMA)
            meta = stream.metadata
            groups.append([meta.row_group(i).num_rows for i in range(meta.num_row_groups)])
    assert groups == [[4, 4, 2], [4, 4, 2], [4, 1]]
    rows = list(itertools.chain.from_iterable(pq.read_table(file).to_pylist() for file in files))
    assert [Prompt.from_row(row) for row in rows] == list(prompts(25))
    assert read_audit(out)["excluded"]["reasons"]["empty_chosen"]["rows"] == [3]
    assert read_audit(tmp_path) is None


def test_a_whole_number_of_parts_has_no_empty_part(tmp_path):
    write_prompts(prompts(20), tmp_path / "out", rows_per_part=10)
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 2


def test_a_source_that_breaks_leaves_nothing(tmp_path):
    def broken():
        yield from prompts(3)
        raise SourceError("f:4", "broken")

    with pytest.raises(SourceError, match="f:4"):
        write_prompts(broken(), tmp_path / "out", row_group=1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SourceError, match="no prompts to write"):
        write_prompts(iter(()), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_debris_of_a_killed_run_is_removed(tmp_path):
    (tmp_path / ".out.unfinished").mkdir()
    (tmp_path / ".out.unfinished" / "part-00007.parquet").write_text("half")
    write_prompts(prompts(1), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]


def test_nothing_is_written_over(tmp_path):
    write_prompts(prompts(1), tmp_path / "out")
    with pytest.raises(ArtifactError, match="already holds files"):
        write_prompts(prompts(2), tmp_path / "out")


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def fsync(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("alignray.sources.prompt_files.os.fsync", fsync)
    with pytest.raises(StorageError, match="no space left on the disk"):
        write_prompts(prompts(3), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
