"""The joining of parts, by hand; files of DeepSpeed itself are in test_export.py."""

import pytest
import torch

from alignray.errors import ArtifactError
from alignray.training.export.deepspeed import find_step_dir, join_groups, join_parameters


def test_groups_are_cut_over_workers_and_padded_at_the_end():
    """Group one: a (2, 2) and b (3): 0..6 and a 7th of padding, in two parts of four."""
    parts = [
        [torch.tensor([0.0, 1, 2, 3]), torch.tensor([10.0])],
        [torch.tensor([4.0, 5, 6, -1]), torch.tensor([11.0])],
    ]
    joined = join_groups(parts, [{"a": (2, 2), "b": (3,)}, {"c": (2,)}])
    assert joined["a"].tolist() == [[0, 1], [2, 3]]
    assert joined["b"].tolist() == [4, 5, 6]
    assert joined["c"].tolist() == [10, 11]


def test_groups_with_padding_after_each_parameter():
    parts = [[torch.tensor([0.0, -1, 1, 2])]]
    joined = join_groups(parts, [{"a": (1,), "b": (2,)}], [[1, 0]])
    assert joined["a"].tolist() == [0] and joined["b"].tolist() == [1, 2]


def test_parameters_are_cut_each_by_itself():
    """a has 5 elements over two workers: 3 and 2, with one of padding; each has two vectors."""
    parts = [
        [torch.tensor([0.0, 1, 2, 10]), torch.tensor([20.0])],
        [torch.tensor([3.0, 4, -1, 11]), torch.tensor([21.0])],
    ]
    joined = join_parameters(parts, [{"a": (5,), "b": (2, 1)}, {"c": (1, 2)}])
    assert joined["a"].tolist() == [0, 1, 2, 3, 4]
    assert joined["b"].tolist() == [[10], [11]]
    assert joined["c"].tolist() == [[20, 21]]


def test_too_few_elements_are_an_error():
    with pytest.raises(ArtifactError, match="a ends at 4"):
        join_groups([[torch.zeros(3)]], [{"a": (4,)}])


def test_the_step_is_found_by_pointer_or_number(tmp_path):
    for step in (9, 10):
        (tmp_path / f"global_step{step}").mkdir()
    assert find_step_dir(tmp_path).name == "global_step10"
    (tmp_path / "latest").write_text("global_step9\n")
    assert find_step_dir(tmp_path).name == "global_step9"
    (tmp_path / "global_step9" / "mp_rank_00_model_states.pt").write_bytes(b"")
    assert find_step_dir(tmp_path / "global_step9").name == "global_step9"
    assert find_step_dir(tmp_path / "global_step10") is None
