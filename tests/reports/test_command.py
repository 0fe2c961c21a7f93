"""`alignray report`: what it prints, writes and refuses."""

import pytest

from alignray.cli import main
from tests.reports.made_up import write_run


def test_it_writes_four_files_and_prints_the_page(tmp_path, capsys):
    run = write_run(tmp_path / "pocket")
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert sorted(path.name for path in run.glob("report.*")) == [
        "report.csv", "report.html", "report.json", "report.md",
    ]  # fmt: skip


def test_several_runs_go_into_one(tmp_path, capsys):
    runs = [str(write_run(tmp_path / name)) for name in ("a", "b")]
    assert main(["report", *runs, f"out={tmp_path / 'both'}", "examples=1"]) == 0
    assert "sft (b)" in (tmp_path / "both" / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "no directory"),
        (["nowhere"], "no finished stage"),
        (["{run}", "exmaples=1"], "did you mean `examples`"),
        (["{run}", "examples=99"], "at most 20"),
        (["{run}", "{run}", "out=o"], "given twice"),
        (["{run}/eval"], "out=DIR"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, capsys, arguments, line):
    run = write_run(tmp_path / "pocket")
    assert main(["report", *(text.format(run=run) for text in arguments)]) == 2
    said = capsys.readouterr().err
    assert line in said and len(said.strip().splitlines()) == 1


def test_help_names_every_option(capsys):
    assert main(["report", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("out", "examples", "mixed", "report.csv"))
