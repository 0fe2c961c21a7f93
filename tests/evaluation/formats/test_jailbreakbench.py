import json
from pathlib import Path

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.formats.jailbreakbench import (
    Artifact,
    Jailbreak,
    build_parameters,
    read_artifact,
    write_artifact,
)
from tests.sources.real_data import DATA, find_data

FILES = sorted(
    path.relative_to(DATA).as_posix()
    for path in (DATA / "jbb-artifacts").rglob("*.json")
    if path.name != "attack-info.json"
)


def make_row(index: object, **other: object) -> dict[str, object]:
    return {"index": index, "prompt": "p", "response": "r", "jailbroken": False, **other}


def write(path: Path, rows: object, **parameters: object) -> Path:
    path.write_text(json.dumps({"parameters": {"model": "m", **parameters}, "jailbreaks": rows}))
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_field_of_a_published_artifact_comes_back(name, tmp_path):
    source = Path(find_data(name))
    artifact = read_artifact(source)
    write_artifact(tmp_path / "a.json", artifact)
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(source.read_text())
    assert read_artifact(tmp_path / "a.json") == artifact


def test_an_artifact_of_ours_has_what_the_publishers_reader_asks_for(tmp_path):
    rows = [
        Jailbreak(0, "g", "b", "c", "p", "r", {"jailbroken": True}),
        Jailbreak(1, "g", "b", "c", None, None, {"jailbroken": False}),
        Jailbreak(2, "g", "b", "c", "p", "r", {"jailbroken": False}),
        Jailbreak(3, "g", "b", "c", "p", "r", {"jailbroken": False}),
    ]
    header = build_parameters(rows, "GCG", "m", "white_box", "2024-03-24")
    write_artifact(tmp_path / "a.json", Artifact(header, rows))
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["parameters"]["attack_success_rate"] == 0.25
    assert content["parameters"]["total_number_of_jailbreaks"] == 1
    assert content["parameters"]["number_of_submitted_prompts"] == 3
    if FILES:
        published = json.loads(
            Path(find_data("jbb-artifacts/GCG/white_box/vicuna-13b-v1.5.json")).read_text()
        )
        assert set(content["parameters"]) == set(published["parameters"])
        assert set(published["jailbreaks"][0]) - set(content["jailbreaks"][0]) == {
            "jailbroken_llama_guard1"
        }


def test_the_rate_is_over_rows_with_a_verdict_and_those_given_up_on():
    rows = [
        Jailbreak(0, "g", "b", "c", "p", "r", {"jailbroken": True}),
        Jailbreak(1, "g", "b", "c", None, None, {"jailbroken": None}),
        Jailbreak(2, "g", "b", "c", "p", "r", {"jailbroken": None}),
    ]
    header = build_parameters(rows, "GCG", "m", "white_box", "2024-03-24")
    assert header["attack_success_rate"] == 0.5
    with pytest.raises(EvaluationError, match=r"no scored rows \(1 unscored\)"):
        build_parameters(rows[2:], "GCG", "m", "white_box", "2024-03-24")


def test_a_header_without_the_publishers_fields_is_not_written(tmp_path):
    artifact = Artifact({"model": "m"}, [Jailbreak(0, None, None, None, "p", "r", {})])
    with pytest.raises(SourceError, match="parameters without method"):
        write_artifact(tmp_path / "a.json", artifact)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no artifact: keys parameters, jailbreaks"),
        ("x", "no artifact"),
        ([1], "jailbreaks[0]: int"),
        ([make_row(0), make_row("0")], "jailbreaks[1]: behaviour 0 a second time"),
        ([make_row(0, jailbroken="yes")], "jailbroken is 'yes'"),
        ([make_row(0, jailbroken=1)], "jailbroken is 1"),
        ([make_row(0, jailbroken_llama_guard1=0.5)], "jailbroken_llama_guard1 is 0.5"),
        ([make_row(0, response=4)], "`response` is int"),
        ([make_row(True)], "index True"),
        ([{"index": 0, "prompt": "p", "response": "r"}], "no `jailbroken` among"),
        ([{"index": 0, "prompt": "p", "jailbroken": True}], "no `response` among"),
    ],
)
def test_other_files_are_named(rows, words, tmp_path):
    with pytest.raises(SourceError) as caught:
        read_artifact(write(tmp_path / "a.json", rows))
    assert words in str(caught.value)
