"""Files that hold all rows in one object."""

import json

import pytest

from alignray.errors import SourceError
from alignray.sources import load_prompts
from alignray.sources.wrapped import unwrap


def test_parallel_lists_become_rows():
    value = {"instructions": ["a", "b"], "inputs": [], "tags": ["x", "y"]}
    assert list(unwrap(value, "f")) == [
        ("[0]", {"instruction": "a", "tag": "x"}),
        ("[1]", {"instruction": "b", "tag": "y"}),
    ]


def test_a_list_beside_parameters_becomes_rows():
    value = {"parameters": {"method": "GCG"}, "jailbreaks": [{"goal": "g"}]}
    assert list(unwrap(value, "f")) == [("[0]", {"goal": "g"})]


@pytest.mark.parametrize("value", ["text", ["a"], {"prompt": "p"}, {"instruction": "i"}])
def test_other_values_stay_as_they_are(value):
    assert list(unwrap(value, "f")) == [("", value)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"instructions": ["a"], "inputs": ["1", "2"]}, "`inputs` has 2 entries; expected 1"),
        ({"instructions": ["a"], "tags": "hate"}, "`tags` has str entries"),
        ({"instructions": []}, "`instructions` is an empty list"),
        ({"jailbreaks": []}, "`jailbreaks` is an empty list"),
    ],
)
def test_lists_that_do_not_fit_are_named(value, found):
    with pytest.raises(SourceError, match=found):
        list(unwrap(value, "f.json:row 0"))


def test_sampling_reads_such_files_too(tmp_path):
    file = tmp_path / "set.json"
    file.write_text(json.dumps({"instructions": ["a", "b"], "inputs": ["", "of b"]}))
    prompts = list(load_prompts(str(file)))
    assert [prompt.messages[0]["content"] for prompt in prompts] == ["a", "b\n\nof b"]
    assert prompts[1].source == "set.json:row 0[1]"
    assert json.loads(prompts[1].original) == {"instruction": "b", "input": "of b"}
