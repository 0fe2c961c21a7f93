import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.errors import SourceError
from alignray.sources.formats import find_format, read_csv


def read(path):
    form = find_format(path)
    return [(number, value) for number, value, _ in form.read(path)]


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_jsonl_lines_are_numbered_from_1_over_blank_ones(tmp_path):
    path = write(tmp_path / "a.jsonl", '\ufeff{"a": 1}\r\n\n  \n{"a": "\u2028"}')
    assert read(path) == [(1, {"a": 1}), (4, {"a": "\u2028"})]


def test_jsonl_keeps_the_line_unless_it_is_no_json(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a":  1}\n{"a": NaN}\n')
    rows = list(find_format(path).read(path))
    assert rows == [(1, {"a": 1}, '{"a":  1}'), (2, {"a": None}, None)]


def test_gzip(tmp_path):
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
    assert [value["a"] for _, value in read(path)] == [1, 2]
    damaged = write(tmp_path / "b.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:-9])
    with pytest.raises(SourceError, match="damaged gzip"):
        read(damaged)
    not_gzip = write(tmp_path / "c.jsonl.gz", '{"a": 1}\n')
    with pytest.raises(SourceError, match="damaged gzip"):
        read(not_gzip)


@pytest.mark.parametrize(
    ("name", "data", "where", "found"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "a.jsonl:2", "not JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "a.jsonl:2", "not UTF-8"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl:1", "nested too deeply"),
        ("a.txt", b"good\nb\xffd\n", "a.txt:2", "not UTF-8"),
        ("a.json", b'["\xff"]', "a.json", "not UTF-8"),
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv:3", "1 cells"),
        ("a.csv", b'a,b\n1,2\n3,"open\nand on', "a.csv:3", "not CSV"),
        ("a.csv", b"a,a\n1,2\n", "a.csv:1", "names a column twice"),
        ("a.parquet", b"PAR1", "a.parquet:row 0", "not readable as parquet"),
    ],
)
def test_faults_name_file_and_line(tmp_path, name, data, where, found):
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / name, data))
    assert caught.value.where == f"{tmp_path}/{where}"
    assert found in caught.value.found
    assert "\n" not in str(caught.value)


def test_csv_cells_are_text_with_their_newlines(tmp_path):
    data = '\ufeffprompt,note\r\nNone,NA\r\n"two\r\nlines","say ""x"""\r\n\r\n"",null\r\n'
    assert read(write(tmp_path / "a.csv", data)) == [
        (2, {"prompt": "None", "note": "NA"}),
        (3, {"prompt": "two\r\nlines", "note": 'say "x"'}),
        (6, {"prompt": "", "note": "null"}),
    ]


def test_csv_cell_over_the_default_limit(tmp_path):
    path = write(tmp_path / "a.csv", f"prompt\n{'x' * 200_000}\n")
    assert len(read(path)[0][1]["prompt"]) == 200_000


def test_tsv(tmp_path):
    assert read(write(tmp_path / "a.tsv", "p\tq\na,b\tc\n")) == [(2, {"p": "a,b", "q": "c"})]


def test_plain_text(tmp_path):
    path = write(tmp_path / "a.txt", "first \r\n\n second\nlast")
    assert read(path) == [(1, "first "), (3, " second"), (4, "last")]


def test_parquet_in_several_batches(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": list(range(3000))}), path)
    assert read(path) == [(i, {"a": i}) for i in range(3000)]


def test_what_a_name_says():
    from pathlib import Path

    assert find_format(Path("a.JSONL")).name == "JSONL"
    assert find_format(Path("a.csv.gz")).name == "CSV"
    assert find_format(Path("a.parquet.gz")) is None
    assert find_format(Path("a.gz")) is None
    assert find_format(Path("a")) is None


def read_headerless(path, text, known=("goal",)):
    path.write_text(text, encoding="utf-8")
    return [(number, row) for number, row, _ in read_csv(path, ("goal", "target"), known)]


def test_csv_without_header_takes_the_names_given(tmp_path):
    rows = read_headerless(tmp_path / "a.csv", '\ufeffone,1\r\n"two\r\nlines",2\r\n')
    assert rows == [
        (1, {"goal": "one", "target": "1"}),
        (2, {"goal": "two\r\nlines", "target": "2"}),
    ]


def test_csv_without_header_may_have_the_first_columns_alone(tmp_path):
    assert read_headerless(tmp_path / "a.csv", "one\ntwo\n") == [
        (1, {"goal": "one"}),
        (2, {"goal": "two"}),
    ]


def test_a_header_is_known_by_the_column_it_must_have(tmp_path):
    rows = read_headerless(tmp_path / "a.csv", "Goal,Other\none,1\n")
    assert rows == [(2, {"Goal": "one", "Other": "1"})]
