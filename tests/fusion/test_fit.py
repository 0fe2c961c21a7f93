import json

import pytest
import torch

from alignray.errors import ModelError
from alignray.fusion.fit import (
    find_misfits,
    find_unknown,
    list_updates,
    read_shapes,
    sample_weights,
)

PREFIX = "base_model.model."


def write(directory, tensors):
    from safetensors.torch import save_file

    directory.mkdir(exist_ok=True)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def test_shapes_come_from_the_header_alone(tmp_path):
    directory = write(tmp_path / "m", {"a.weight": torch.ones(3, 5), "b.weight": torch.ones(7)})
    assert read_shapes(directory) == {"a.weight": (3, 5), "b.weight": (7,)}
    assert read_shapes(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, (50).to_bytes(8, "little") + b"{}"])
def test_a_file_that_is_none_is_one_line(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="safetensors file"):
        read_shapes(tmp_path)


def test_misfits_and_unknown_modules_are_named():
    updates = list_updates(
        {
            f"{PREFIX}q.lora_A.weight": (4, 5),
            f"{PREFIX}q.lora_B.weight": (3, 4),
            f"{PREFIX}wte.lora_embedding_A": (4, 50),
            f"{PREFIX}wte.lora_embedding_B": (5, 4),
            f"{PREFIX}k.lora_A.weight": (4, 5),
            f"{PREFIX}k.lora_B.weight": (3, 4),
        }
    )
    assert updates == {"q": (3, 5), "wte": (5, 50), "k": (3, 5)}
    base = {"q.weight": (3, 6), "wte.weight": (50, 5)}
    assert find_misfits(updates, base) == ["q is 3 x 5, the base's 3 x 6"]
    assert find_unknown(updates, base) == ["k"]
    assert find_misfits(updates, {"q.weight": (5, 3)}) == []  # as GPT-2 stores it


def test_weights_that_differ_anywhere_are_told_apart(tmp_path):
    one = {"a.weight": torch.zeros(100, 100)}
    other = {"a.weight": torch.zeros(100, 100)}
    other["a.weight"][50, 50] = 1
    first, same = write(tmp_path / "1", one), write(tmp_path / "2", one)
    assert sample_weights(first) == sample_weights(same)
    assert sample_weights(first) != sample_weights(write(tmp_path / "3", other))
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "config.json").write_text(json.dumps({}))
    assert sample_weights(tmp_path / "none") == ""
