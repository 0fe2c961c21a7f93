from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.errors import ArtifactError, SourceError
from alignray.ranking.files import find_completion_files, read_rows
from alignray.records import Completion
from tests.ranking.completions import build_completion


def write(path: Path, rows: int, first: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(
        [build_completion(first + i) for i in range(rows)], Completion.ARROW_SCHEMA
    )
    pq.write_table(table, path)
    return path


def test_parts_of_a_stage_in_order_and_a_single_file(tmp_path: Path) -> None:
    second = write(tmp_path / "data" / "part-00001.parquet", 2, first=3)
    first = write(tmp_path / "data" / "part-00000.parquet", 3)
    assert find_completion_files(str(tmp_path)) == [first, second]
    assert find_completion_files(str(first)) == [first]
    ids = [row["prompt_id"] for row in read_rows([first, second], ["prompt_id"])]
    assert ids == ["p0", "p1", "p2", "p3", "p4"]


def test_bad_input_is_one_line_that_names_it(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and nothing else")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"prompt": ["x"]}), other)
    cases = {
        str(tmp_path / "missing"): "no completions",
        str(broken): "not a readable parquet file",
        str(other): "no column row, prompt_id",
        str(write(tmp_path / "empty.parquet", 0)): "no rows",
    }
    for name, message in cases.items():
        with pytest.raises(SourceError, match=message) as caught:
            find_completion_files(name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_stage_that_is_not_finished_is_no_input(tmp_path: Path) -> None:
    write(tmp_path / "data" / "part-00000.parquet", 1)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="not finished"):
        find_completion_files(str(tmp_path))
    (tmp_path / "record.json").write_text("{}")
    assert len(find_completion_files(str(tmp_path))) == 1
