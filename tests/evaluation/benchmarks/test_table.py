"""`alignray benchmarks`."""

import json

import pytest

from alignray.cli import main
from alignray.config.benchmarks import list_rows
from alignray.evaluation.benchmarks.table import run_benchmarks


def test_a_line_for_each_row():
    lines = run_benchmarks(None, False).splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == list(list_rows())
    assert lines[0].split() == ["name", "kind", "n", "licence", "source", "caveat"]


def test_json_of_all_and_of_one():
    rows = json.loads(run_benchmarks(None, True))
    assert {row["name"]: row["n"] for row in rows}["xstest"] == 450
    row = json.loads(run_benchmarks("harmbench", True))
    assert row["licence"] == "MIT" and row["kind"] == "harmful" and row["caveat"]
    assert row["expected"]["categories"]["copyright"] == 100


def test_one_row_says_where_its_copy_is(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNRAY_BENCHMARKS", str(tmp_path))
    assert "no local copy: get it from https://" in run_benchmarks("xstest", False)
    (tmp_path / "xstest.csv").touch()
    assert f"local copy: {tmp_path}/xstest.csv" in run_benchmarks("xstest", False)
    assert "built in" in run_benchmarks("pocket", False)


@pytest.mark.parametrize(
    ("arguments", "rc", "text"),
    [
        (["benchmarks"], 0, "advbench"),
        (["benchmarks", "advbench"], 0, "keyword"),
        (["benchmarks", "advbench", "--json"], 0, '"n": 520'),
        (["benchmarks", "advbnch"], 2, "did you mean `advbench`?"),
        (["benchmarks", "a", "b"], 2, "one NAME"),
        (["benchmarks", "no/such.yaml"], 2, "no such file"),
    ],
)
def test_the_command(arguments, rc, text, capsys):
    assert main(arguments) == rc
    out, err = capsys.readouterr()
    assert text in (err if rc else out)
    assert not rc or len(err.strip().splitlines()) == 1
