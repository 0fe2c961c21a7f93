"""Running recipes again and again: nothing is done twice, nothing is lost, nothing is mixed up."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from alignray.cli import main
from alignray.pipeline.locks import is_locked, lock_run, lock_stage

LOCK = """
from pathlib import Path
from alignray.pipeline.locks import lock_run
with lock_run(Path("D")):
    pass
"""


def run(*overrides):
    return main(["run", "toy.yaml", "--out", "D", *overrides])


def read(stage):
    return Path(f"D/{stage}/data/lines.txt").read_text()


def manifest():
    return {
        path: path.read_bytes()
        for path in Path("D").rglob("*")
        if path.is_file() and path.name not in (".lock",)
    }


def test_all_stages_run_and_the_record_comes_last(toys):
    assert run() == 0
    assert toys == ["make", "side", "join", "last"]
    assert read("last") == "ABC"
    record = json.loads(Path("D/record.json").read_text())
    assert record["recipe"] == "toy"
    assert record["stages"]["last"]["counts"] == {"in": 3, "ok": 3, "unscored": 0, "failed": 0}


def test_a_finished_run_again_does_nothing_and_changes_nothing(toys):
    run()
    before = manifest()
    toys.clear()
    assert run() == 0
    assert toys == []
    assert manifest() == before


def test_a_changed_setting_reruns_its_stage_and_what_follows(toys):
    run()
    toys.clear()
    assert run("make.text=abd") == 0
    assert toys == ["make", "join", "reuse 1", "last", "reuse 1"]
    assert read("last") == "ABD"
    assert (Path("D/.superseded")).is_dir()
    old = {p.name.split("-")[0]: p for p in Path("D/.superseded").iterdir()}
    assert sorted(old) == ["join", "last", "make"]
    assert (old["last"] / "data/lines.txt").read_text() == "ABC"


def test_a_stage_with_the_same_result_leaves_what_follows_valid(toys):
    run()
    toys.clear()
    run("make.text=abc", "make.failed=0", "join.upper=false")
    assert toys == []
    run("join.upper=true")
    assert toys == ["join", "reuse 1", "last", "reuse 1"]


def test_settings_that_were_there_before_are_moved_back(toys):
    run()
    run("make.text=abd")
    toys.clear()
    assert run() == 0
    assert toys == []
    assert read("last") == "ABC"


def test_a_stopped_run_goes_on(toys, capsys):
    assert run("join.crash=ok.int") == 130
    assert "interrupted: run the same command again to go on" in capsys.readouterr().err
    assert not Path("D/record.json").exists()
    Path("ok.int").touch()
    toys.clear()
    assert run("join.crash=ok.int") == 0
    assert toys == ["join", "last"]


def test_a_crash_is_one_line_with_stage_and_traceback(toys, capsys):
    assert run("join.crash=never") == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("alignray: error: stage join: unexpected ZeroDivisionError: boom")
    log = Path(line.split("traceback in ")[1])
    assert log.parent == Path("D/logs")
    assert "run_join" in log.read_text()


def test_failed_rows_give_exit_code_3_and_are_named(toys, capsys):
    assert run("side.failed=2") == 3
    assert "2 of 4 rows failed; they are named in D/side/data" in capsys.readouterr().err


def test_a_directory_of_another_recipe_is_refused(toys, capsys):
    run()
    before = manifest()
    Path("other.yaml").write_text(Path("toy.yaml").read_text().replace("name: toy", "name: other"))
    assert main(["run", "other.yaml", "--out", "D"]) == 2
    assert "D: a run of recipe `toy`; expected one of `other`" in capsys.readouterr().err
    assert manifest() == before


def test_a_directory_with_other_files_is_refused(toys, capsys):
    Path("D").mkdir()
    Path("D/mine.txt").write_text("x")
    assert run() == 2
    assert "a directory with other files in it" in capsys.readouterr().err
    assert [path.name for path in Path("D").iterdir()] == ["mine.txt"]


def test_bad_input_is_refused_before_anything_is_made(toys, capsys):
    assert run("join.source=./nowhere") == 2
    assert "stage join: ./nowhere: no such file" in capsys.readouterr().err
    assert not Path("D").exists()
    assert toys == []


def test_two_runs_in_one_directory_refuse_each_other(toys, capsys):
    run()
    with lock_run(Path("D")):
        held = subprocess.run(
            [sys.executable, "-c", LOCK],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert "another run is at work here (process" in held.stderr
        assert is_locked(Path("D"))
        assert run() == 2
    assert not is_locked(Path("D"))


def _hold(directory, ready):
    with lock_run(Path(directory)):
        ready.set()
        ready.wait()
        import time

        time.sleep(60)


def test_the_lock_of_a_killed_run_is_free(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready))
    process.start()
    ready.wait(10)
    assert is_locked(tmp_path)
    process.kill()
    process.join()
    with lock_run(tmp_path):
        pass


def test_a_stage_that_refuses_leaves_no_directory(tmp_path):
    with pytest.raises(ZeroDivisionError), lock_stage(tmp_path / "a"):
        raise ZeroDivisionError
    assert not (tmp_path / "a").exists()
