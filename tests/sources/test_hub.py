"""The hub itself is the boundary: what is asked of `datasets`, and what becomes of its errors."""

import pytest

from alignray.errors import SourceError
from alignray.sources import load_prompts
from alignray.sources.hub import HubName, parse_hub_name
from alignray.sources.rows import open_rows

datasets = pytest.importorskip("datasets")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/name", HubName("owner/name")),
        ("owner/name:test_sft", HubName("owner/name", None, "test_sft")),
        (
            "Anthropic/hh-rlhf@harmless-base:test",
            HubName("Anthropic/hh-rlhf", "harmless-base", "test"),
        ),
        ("owner/na.me@a/b", HubName("owner/na.me", "a/b", None)),
        ("name", None),
        ("a/b/c", None),
        ("./a", None),
        ("../a/b", None),
        ("~/a", None),
    ],
)
def test_names(name, expected):
    assert parse_hub_name(name) == expected


def test_what_is_asked_and_what_comes(monkeypatch):
    asked = {}

    def load_dataset(repository, **options):
        asked.update(repository=repository, **options)
        return datasets.Dataset.from_dict({"question": ["a", "b"], "id": [7, 8]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = list(load_prompts("owner/name@part:test", revision="abc"))
    assert asked == {
        "repository": "owner/name",
        "data_dir": "part",
        "split": "test",
        "revision": "abc",
    }
    assert [(p.prompt_id, p.source) for p in found] == [
        ("7", "owner/name:test:0"),
        ("8", "owner/name:test:1"),
    ]
    list(load_prompts("owner/name"))
    assert asked["split"] == "train"


def test_a_mistyped_path_is_not_looked_for_on_the_hub(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    asked = []
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name, **_: asked.append(name) or datasets.Dataset.from_dict({"prompt": ["a"]}),
    )
    with pytest.raises(SourceError, match="runs/sampel: no such file or directory"):
        list(load_prompts("runs/sampel"))
    assert asked == []
    assert len(list(load_prompts("hub:runs/sampel"))) == 1
    assert asked == ["runs/sampel"]


def test_errors_of_the_hub_are_one_line(monkeypatch):
    def load_dataset(*_, **__):
        raise ConnectionError("no\nnet")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(
        SourceError, match=r"owner/name@main:train.*ConnectionError: no net"
    ) as caught:
        list(load_prompts("owner/name"))
    assert "\n" not in str(caught.value)


def test_saved_data_sets(tmp_path):
    one = datasets.Dataset.from_dict({"prompt": ["a", "b"]})
    one.save_to_disk(str(tmp_path / "one"))
    assert [row.values["prompt"] for row in open_rows(str(tmp_path / "one"))] == ["a", "b"]
    two = datasets.DatasetDict({"train": one, "test": one.select([1])})
    two.save_to_disk(str(tmp_path / "two"))
    [row] = open_rows(f"{tmp_path}/two:test")
    assert (row.values["prompt"], row.source) == ("b", "two:test:0")
    assert len(list(open_rows(str(tmp_path / "two")))) == 2
    with pytest.raises(SourceError, match="splits train, test; expected dev"):
        list(open_rows(f"{tmp_path}/two:dev"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "state.json").write_text("{}")
    with pytest.raises(SourceError, match="not readable as a saved data set"):
        list(open_rows(str(tmp_path / "bad")))


def test_a_part_that_is_no_folder_is_asked_for_as_a_configuration(monkeypatch):
    asked = []

    def load_dataset(repository, **options):
        asked.append(options)
        if "data_dir" in options:
            raise ValueError("no such folder")
        return datasets.Dataset.from_dict({"question": ["a"]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(list(load_prompts("openai/gsm8k@main:test"))) == 1
    assert asked[1] == {"name": "main", "split": "test", "revision": "main"}
