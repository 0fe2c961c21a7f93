"""The table of benchmarks: names, the user's own, local copies, and recipes that name rows."""

import pytest

from alignray.config.benchmarks import (
    TABLE_DIR,
    complete_benchmark,
    expand_benchmarks,
    find_row,
    list_rows,
)
from alignray.config.evaluation import BenchmarkConfig, EvalConfig
from alignray.config.loading import load_config
from alignray.errors import ConfigError

OWN = "name: own\ntitle: Own\nkind: benign\nfiles: {patterns: [own.csv]}\n"
EVAL = ["output_dir=x", "engine.type=fake", "judge.type=fake"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNRAY_BENCHMARKS", str(tmp_path))
    return tmp_path


def test_every_file_of_the_table_is_a_row_of_its_own_name():
    rows = list_rows()
    assert len(rows) >= 27
    for name, file in rows.items():
        row = find_row(name)
        assert row.spec.name == name and row.file == file
        assert row.spec.caveat and row.spec.title
        assert row.spec.source.hub or row.spec.source.url or row.spec.source.builtin


def test_names_of_the_table_are_taken_in_any_case():
    assert find_row("XSTest").spec.name == find_row("xstest").spec.name
    assert find_row("hex_phi").spec.name == "hex-phi"


def test_an_unknown_name_is_one_line_with_the_nearest_one():
    with pytest.raises(
        ConfigError, match=r"no benchmark `xtest`.*did you mean `xstest`\?"
    ) as found:
        find_row("xtest")
    assert "\n" not in str(found.value)


def test_a_yaml_file_is_a_benchmark(tmp_path):
    (tmp_path / "b.yaml").write_text(OWN)
    (tmp_path / "own.csv").write_text("prompt\nHi\n")
    row = find_row(str(tmp_path / "b.yaml"))
    assert row.locate() == str(tmp_path / "own.csv")  # beside the YAML file


def test_rows_of_the_folder_have_names_and_win(folder):
    (folder / "own.yaml").write_text(OWN)
    (folder / "xstest.yaml").write_text(OWN.replace("own", "xstest"))
    assert find_row("own").spec.title == "Own"
    assert find_row("xstest").file == folder / "xstest.yaml"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name: a\ntitle: A\nkind: harmfull\n", "`kind` is 'harmfull'; expected harmful | benign"),
        ("name: a\ntitle: A\n", "missing `kind`"),
        ("name: a\ntitle: A\nkind: open\ncategry: {column: x}\n", "did you mean `category`"),
        ("- a\n", "keys and values"),
    ],
)
def test_a_wrong_yaml_file_is_named_with_its_fault(tmp_path, text, found):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml.*") as error:
        find_row(str(file))
    assert found in str(error.value)


def test_a_copy_in_the_folder_wins_over_the_hub(folder):
    assert find_row("xstest").locate() == "Paul/XSTest:train"
    (folder / "some-clone").mkdir()
    (folder / "some-clone" / "xstest_prompts.csv").touch()
    assert find_row("xstest").locate() == str(folder / "some-clone" / "xstest_prompts.csv")
    (folder / "xstest").mkdir()
    (folder / "xstest" / "xstest_prompts.csv").touch()
    assert find_row("xstest").locate() == str(folder / "xstest" / "xstest_prompts.csv")


def test_two_copies_are_not_chosen_between(folder):
    for name in ("a", "b"):
        (folder / "own").mkdir(exist_ok=True)
        (folder / "own" / f"{name}.csv").touch()
    (folder / "own.yaml").write_text(OWN.replace("own.csv", '"*.csv"'))
    with pytest.raises(ConfigError, match=r"two local copies.*a\.csv or .*b\.csv; give prompts="):
        find_row("own").locate()


def test_several_files_are_one_folder(folder):
    (folder / "hex-phi").mkdir()
    (folder / "hex-phi" / "category_1.csv").touch()
    assert find_row("hex-phi").locate() == str(folder / "hex-phi")


def test_without_a_copy_one_line_says_where_to_get_it(monkeypatch):
    monkeypatch.delenv("ALIGNRAY_BENCHMARKS", raising=False)
    with pytest.raises(ConfigError) as error:
        find_row("hex-phi").locate()
    line = str(error.value)
    assert "https://huggingface.co/datasets/LLM-Tuning-Safety/HEx-PHI (accept its terms" in line
    assert "category_*.csv in $ALIGNRAY_BENCHMARKS/hex-phi/" in line and "\n" not in line


def test_a_folder_that_is_none_is_said(monkeypatch):
    monkeypatch.setenv("ALIGNRAY_BENCHMARKS", "/no/such")
    with pytest.raises(ConfigError, match="no folder /no/such"):
        list_rows()


def test_recipes_keep_their_inline_form_and_its_identity():
    config = BenchmarkConfig(prompts="pocket:eval", kind="harmful")
    assert config.identity() == {
        "kind": "harmful",
        "select": {"num_prompts": None, "seed": 0, "subsets": []},
    }
    assert config.spec is None and complete_benchmark({"prompts": "x"}) == {"prompts": "x"}


def test_a_row_gives_prompts_and_kind_and_a_path_wins(tmp_path, monkeypatch):
    monkeypatch.delenv("ALIGNRAY_BENCHMARKS", raising=False)
    config = BenchmarkConfig.model_validate("gsm8k")
    assert (config.kind, config.prompts) == ("number", "openai/gsm8k@main:test")
    assert config.spec is not None and config.spec.decoding.max_tokens == 512
    own = BenchmarkConfig(name="gsm8k", prompts="mine.jsonl")
    assert own.prompts == "mine.jsonl" and own.kind == "number"
    assert own.identity()["row"] == config.identity()["row"]
    assert own.identity()["revision"] is None and config.identity()["revision"]


def test_a_mixed_row_becomes_one_benchmark_for_each_subset():
    expanded = expand_benchmarks({"xs": {"name": "xstest", "select": {"num_prompts": 9}}})
    assert {name: item["kind"] for name, item in expanded.items()} == {
        "xs-safe": "benign",
        "xs-unsafe": "harmful",
    }
    assert expanded["xs-safe"]["select"] == {"num_prompts": 9, "subsets": ["safe"]}
    assert expand_benchmarks(expanded) == expanded


def test_subsets_of_one_kind_are_one_benchmark():
    item = {"name": "pocket", "select": {"subsets": ["benign", "lookalike"]}}
    assert expand_benchmarks({"p": item})["p"]["kind"] == "benign"
    with pytest.raises(ConfigError, match="no subset `bening`; expected some of harmful"):
        expand_benchmarks({"p": {"name": "pocket", "select": {"subsets": ["bening"]}}})


def test_eval_takes_rows_by_name_and_as_a_list():
    named = load_config(EvalConfig, None, [*EVAL, "benchmarks.p=pocket"])
    assert list(named.benchmarks) == ["p-harmful", "p-benign", "p-lookalike"]
    assert named.benchmarks["p-lookalike"].prompts == "pocket:eval"
    listed = load_config(EvalConfig, None, [*EVAL, "benchmarks=[pocket, gsm8k]"])
    assert list(listed.benchmarks)[-1] == "gsm8k"
    again = EvalConfig.model_validate(named.model_dump(mode="json"))
    assert again == named and again.identity() == named.identity()


def test_eval_refuses_an_unknown_row_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean `gsm8k`"):
        load_config(EvalConfig, None, [*EVAL, "benchmarks.g=gsm8"])


def test_a_yaml_file_of_a_recipe_is_remembered_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "b.yaml").write_text(OWN)
    (tmp_path / "own.csv").write_text("prompt\nHi\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(EvalConfig, None, [*EVAL, "benchmarks.own=b.yaml"])
    assert config.benchmarks["own"].name == str(tmp_path / "b.yaml")
    assert config.inputs()["benchmarks.own.prompts"] == ("data", str(tmp_path / "own.csv"))


def test_the_table_is_packed():
    assert TABLE_DIR.is_dir()
    text = (TABLE_DIR.parents[2] / "pyproject.toml").read_text()
    assert "evaluation/benchmarks/*.yaml" in text
