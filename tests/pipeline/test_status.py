"""Status: read from files alone, whatever state a run was left in."""

import json
from pathlib import Path

from alignray.cli import main
from alignray.pipeline.locks import lock_run


def status(capsys, directory="D"):
    assert main(["status", directory, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def states(content):
    return {stage["stage"]: stage["state"] for stage in content["stages"]}


def test_finished_and_waiting_stages(toys, capsys):
    main(["run", "toy.yaml", "--out", "D", "join.crash=never"])
    capsys.readouterr()
    content = status(capsys)
    assert states(content) == {
        "make": "finished",
        "side": "finished",
        "join": "partial",
        "last": "waiting",
    }
    assert not content["finished"] and not content["running"]
    assert content["last_error"]["stage"] == "join"
    join = next(stage for stage in content["stages"] if stage["stage"] == "join")
    assert join["rows_in"] == 3


def test_a_run_at_work_is_running(toys, capsys):
    main(["run", "toy.yaml", "--out", "D", "join.crash=never"])
    capsys.readouterr()
    with lock_run(Path("D")):
        content = status(capsys)
    assert content["running"]
    assert states(content)["join"] == "running"


def test_a_finished_run_has_counts_and_times(toys, capsys):
    main(["run", "toy.yaml", "--out", "D"])
    capsys.readouterr()
    content = status(capsys)
    assert content["finished"] and content["last_error"] is None
    last = content["stages"][-1]
    assert (last["rows_in"], last["ok"], last["failed"]) == (3, 3, 0)
    assert last["finished"].endswith("Z")
    main(["status", "D"])
    assert "toy in D: finished" in capsys.readouterr().out


def test_a_single_stage_has_a_status_too(toys, capsys):
    main(["make", "output_dir=one", "text=abcd"])
    capsys.readouterr()
    assert status(capsys, "one")["stages"][0]["ok"] == 4


def test_another_directory_is_refused(toys, capsys):
    assert main(["status", "."]) == 2
    assert "no recipe.json" in capsys.readouterr().err
