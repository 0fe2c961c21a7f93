"""Files that would run code when unpickled are refused, and do not run it."""

import collections
import os
import pickle

import pytest
import torch
from torch.distributed.checkpoint.metadata import Metadata

from alignray.errors import ArtifactError
from alignray.training.export.safe_loading import load_metadata, load_tensors


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_tensors_and_plain_values_are_read(tmp_path):
    content = {"a": torch.arange(3), "b": [1, "x", {"c": None}], "d": collections.OrderedDict()}
    torch.save(content, tmp_path / "good.pt")
    loaded = load_tensors(tmp_path / "good.pt")
    assert loaded["a"].tolist() == [0, 1, 2]
    assert loaded["b"] == content["b"]


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_torch_file_is_refused_and_not_run(tmp_path, legacy):
    path = tmp_path / "bad.pt"
    torch.save({"state": Trap(tmp_path / "ran")}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ArtifactError, match=r"a pickle that names posix\.mkdir") as caught:
        load_tensors(path)
    assert "can run code" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2])])
def test_other_files_are_one_line(tmp_path, content):
    (tmp_path / "other.pt").write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        load_tensors(tmp_path / "other.pt")
    assert "\n" not in str(caught.value)


def test_metadata_with_code_is_refused_and_not_run(tmp_path):
    path = tmp_path / ".metadata"
    path.write_bytes(pickle.dumps(Metadata(state_dict_metadata={"x": Trap(tmp_path / "ran")})))
    with pytest.raises(ArtifactError, match=r"a pickle that names posix\.mkdir"):
        load_metadata(path)
    assert not (tmp_path / "ran").exists()


def test_metadata_cannot_reach_through_an_allowed_class(tmp_path):
    """Pickles may name attributes with dots; `Metadata.__init__.__globals__` leads everywhere."""
    module = "torch.distributed.checkpoint.metadata"
    text = f"\x80\x04c{module}\nMetadata.__init__\n.".encode("latin-1")
    path = tmp_path / ".metadata"
    path.write_bytes(text)
    assert callable(pickle.loads(text))  # what it does elsewhere
    with pytest.raises(ArtifactError, match=r"names torch.distributed.checkpoint.metadata"):
        load_metadata(path)


def test_metadata_of_another_kind_is_one_line(tmp_path):
    (tmp_path / ".metadata").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ArtifactError, match="a dict; expected checkpoint metadata"):
        load_metadata(tmp_path / ".metadata")
