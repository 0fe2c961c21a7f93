from types import SimpleNamespace

import pytest

from alignray import durable
from alignray.errors import TrainingError
from alignray.training.error_log import write_error_log
from alignray.training.on_ray import _explain
from alignray.training.reference import _explained


@pytest.fixture
def full_disk(monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", refuse)


def test_the_traceback_is_kept(tmp_path):
    said = write_error_log(tmp_path, "Traceback ...")
    assert said == f"see {tmp_path}/logs/error.txt"
    assert (tmp_path / "logs" / "error.txt").read_text() == "Traceback ..."


def test_a_full_disk_does_not_hide_what_ended_the_run(tmp_path, full_disk):
    job = SimpleNamespace(stage_dir=tmp_path)
    error = _explain(RuntimeError("Traceback ...\nOSError: No space left on device"), job)
    assert isinstance(error, TrainingError)
    line = str(error)
    assert "training failed (OSError: No space left on device)" in line
    assert "its traceback could not be written (no space left on the disk); run again" in line
    assert "error.txt" not in line
    with pytest.raises(TrainingError, match="could not be written") as caught, _explained(tmp_path):
        raise RuntimeError("Traceback ...\nOSError: No space left on device")
    assert "scores were not computed (OSError: No space left" in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
