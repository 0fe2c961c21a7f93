import errno
import json
import os

import pytest

from alignray.errors import StorageError, TrainingError
from alignray.training import checkpoints
from alignray.training.checkpoints import (
    MANIFEST_NAME,
    commit_checkpoint,
    delete_torn_checkpoints,
    find_checkpoint,
    prune_checkpoints,
    read_manifest,
)

LAYOUT = {"num_workers": 2, "strategy": "zero3"}


def write_checkpoint(directory, step, committed=True):
    path = directory / f"checkpoint-{step}"
    (path / f"global_step{step}").mkdir(parents=True)
    (path / f"global_step{step}" / "shard.pt").write_bytes(bytes(range(200)))
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    if committed:
        commit_checkpoint(path, LAYOUT)
    return path


def test_the_newest_is_found_by_number_not_by_name(tmp_path):
    for step in (9, 10, 100):
        write_checkpoint(tmp_path, step)
    assert find_checkpoint(tmp_path, LAYOUT).name == "checkpoint-100"


def test_no_checkpoint_is_none(tmp_path):
    (tmp_path / "checkpoint-best").mkdir()
    assert find_checkpoint(tmp_path, LAYOUT) is None


def test_a_checkpoint_without_manifest_does_not_count(tmp_path):
    write_checkpoint(tmp_path, 4)
    write_checkpoint(tmp_path, 8, committed=False)
    assert find_checkpoint(tmp_path, LAYOUT).name == "checkpoint-4"


@pytest.mark.parametrize("harm", ["truncated", "changed", "missing", "manifest", "list"])
def test_a_harmed_newest_checkpoint_is_passed_over(tmp_path, harm):
    write_checkpoint(tmp_path, 4)
    newest = write_checkpoint(tmp_path, 8)
    shard = newest / "global_step8" / "shard.pt"
    if harm == "truncated":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif harm == "changed":
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    elif harm == "missing":
        shard.unlink()
    else:
        (newest / MANIFEST_NAME).write_text('{"step": 8, "files"' if harm == "manifest" else "[]")
    assert find_checkpoint(tmp_path, LAYOUT).name == "checkpoint-4"


def test_another_layout_is_refused_in_one_line(tmp_path):
    write_checkpoint(tmp_path, 8)
    with pytest.raises(TrainingError) as caught:
        find_checkpoint(tmp_path, {"num_workers": 4, "strategy": "zero3"})
    text = str(caught.value)
    assert "resources.num_workers=2" in text and "resources.num_workers=4" in text
    assert "\n" not in text


def test_pruning_keeps_the_newest_whole_ones(tmp_path):
    for step in (2, 4, 6, 8):
        write_checkpoint(tmp_path, step)
    write_checkpoint(tmp_path, 3, committed=False)
    write_checkpoint(tmp_path, 10, committed=False)
    prune_checkpoints(tmp_path, keep=2)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["checkpoint-10", "checkpoint-6", "checkpoint-8"]


def test_pruning_never_deletes_the_only_whole_one(tmp_path):
    write_checkpoint(tmp_path, 2)
    write_checkpoint(tmp_path, 4, committed=False)
    prune_checkpoints(tmp_path, keep=1)
    assert find_checkpoint(tmp_path, LAYOUT).name == "checkpoint-2"


def test_torn_checkpoints_above_the_newest_whole_one_are_cleared_away(tmp_path):
    newest = write_checkpoint(tmp_path, 4)
    write_checkpoint(tmp_path, 8, committed=False)
    delete_torn_checkpoints(tmp_path, newest)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-4"]
    delete_torn_checkpoints(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_lists_every_file(tmp_path):
    path = write_checkpoint(tmp_path, 4)
    manifest = read_manifest(path)
    assert set(manifest["files"]) == {"global_step4/shard.pt", "trainer_state.json"}
    assert manifest["step"] == 4 and manifest["layout"] == LAYOUT


def test_a_large_file_is_known_by_size_and_edges(tmp_path, monkeypatch):
    monkeypatch.setattr("alignray.training.checkpoints._WHOLE_FILE_BYTES", 100)
    monkeypatch.setattr("alignray.training.checkpoints._EDGE_BYTES", 10)
    path = write_checkpoint(tmp_path, 4)
    shard = path / "global_step4" / "shard.pt"
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + b"x")
    assert read_manifest(path) is None
    shard.write_bytes(content + b"x")
    assert read_manifest(path) is None
    shard.write_bytes(content)
    assert read_manifest(path) is not None


def test_pruning_keeps_the_best_however_old_it_is(tmp_path):
    for step in (2, 4, 6, 8):
        write_checkpoint(tmp_path, step)
    prune_checkpoints(tmp_path, keep=1, best_step=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-4", "checkpoint-8"]
    prune_checkpoints(tmp_path, keep=1, best_step=8)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-8"]


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_now_is_an_error_not_a_torn_checkpoint(
    tmp_path, monkeypatch, number
):
    write_checkpoint(tmp_path, 4)
    write_checkpoint(tmp_path, 8)

    def fail(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(checkpoints, "_stamp_file", fail)
    with pytest.raises(StorageError, match="no checkpoint was deleted") as caught:
        find_checkpoint(tmp_path, LAYOUT)
    text = str(caught.value)
    assert os.strerror(number) in text and "checkpoint-8" in text and "\n" not in text


def test_a_directory_that_cannot_be_listed_is_not_an_empty_one(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, 4)

    def fail(path):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))

    monkeypatch.setattr(checkpoints.os, "scandir", fail)
    with pytest.raises(StorageError, match="cannot be read"):
        find_checkpoint(tmp_path, LAYOUT)
    with pytest.raises(StorageError, match="cannot be read"):
        delete_torn_checkpoints(tmp_path, None)
    monkeypatch.undo()
    assert find_checkpoint(tmp_path, LAYOUT).name == "checkpoint-4"
    assert find_checkpoint(tmp_path / "none", LAYOUT) is None
