"""Plans: what each stage would do, honest about what is not known, and without doing any of it."""

import gzip
import json
from pathlib import Path

import pytest

from alignray.cli import main
from alignray.config.sft import SFTStageConfig
from alignray.pipeline.estimate import Estimate, count_source_rows, estimate_stage
from alignray.pipeline.outlook import looks_missing


def plan(capsys, *overrides):
    assert main(["plan", "toy.yaml", "--out", "D", "--json", *overrides]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    return {stage["stage"]: stage["action"] for stage in stages}


def test_a_plan_touches_nothing(toys, capsys):
    assert set(plan(capsys).values()) == {"run"}
    assert not Path("D").exists()


def test_plans_of_a_finished_and_of_a_changed_run(toys, capsys):
    main(["run", "toy.yaml", "--out", "D"])
    capsys.readouterr()
    assert set(plan(capsys).values()) == {"skip"}
    assert plan(capsys, "join.upper=true") == {
        "make": "skip",
        "side": "skip",
        "join": "rerun",
        "last": "check",
    }


def test_a_stopped_stage_resumes_and_missing_input_is_named(toys, capsys):
    main(["run", "toy.yaml", "--out", "D", "join.crash=never"])
    capsys.readouterr()
    actions = plan(capsys, "join.crash=never")
    assert (actions["join"], actions["last"]) == ("resume", "run")
    assert plan(capsys, "join.source=./no.jsonl")["join"] == "refuse"


def test_the_input_that_is_missing_is_named_not_one_that_will_be_made(toys, capsys):
    assert main(["run", "toy.yaml", "--out", "D", "join.other=./no.jsonl"]) == 2
    assert "stage join: ./no.jsonl: no such file" in capsys.readouterr().err


def test_a_plan_as_text_says_why(toys, capsys):
    main(["run", "toy.yaml", "--out", "D"])
    capsys.readouterr()
    main(["plan", "toy.yaml", "--out", "D", "join.upper=true"])
    text = capsys.readouterr().out
    assert "upper: False there, True now" in text
    assert "join.source: D/make [" in text


def test_an_unknown_key_in_a_recipe_names_file_and_line(toys, capsys):
    assert main(["plan", "toy.yaml", "--out", "D", "join.uper=true"]) == 2
    assert "unknown key `uper`; did you mean `upper`?" in capsys.readouterr().err
    Path("toy.yaml").write_text(Path("toy.yaml").read_text().replace("text: xy", "txt: xy"))
    assert main(["plan", "toy.yaml"]) == 2
    assert "toy.yaml:4: unknown key `txt`; did you mean `text`?" in capsys.readouterr().err


def test_an_unknown_verb_names_file_and_line(toys, capsys):
    Path("toy.yaml").write_text(Path("toy.yaml").read_text().replace("verb: make", "verb: mak"))
    assert main(["plan", "toy.yaml"]) == 2
    assert "toy.yaml:4: no verb `mak`" in capsys.readouterr().err


def test_rows_are_counted_where_it_is_cheap(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n\n{"x": 2}\n')
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as stream:
        stream.write("{}\n{}\n{}\n")
    assert count_source_rows(str(tmp_path / "a.jsonl")) == 2
    assert count_source_rows(str(tmp_path / "b.jsonl.gz")) == 3
    assert count_source_rows("owner/name") is None


@pytest.mark.parametrize(
    ("parts", "fields", "rows"),
    [
        ([{}, {"dataset": "D/pairs"}], {}, 50),
        ([{"fraction": 0.35}, {"dataset": "D/pairs", "max_rows": 9}], {}, 12),
        ([{}, {"dataset": "owner/name"}], {}, None),
        ([{}, {"dataset": "owner/name", "max_rows": 5}], {}, 15),
        ([{}, {"dataset": "owner/name"}], {"max_samples": 7}, 7),
        ([{}, {"dataset": "D/pairs"}], {"max_samples": 70}, 50),
        (
            [{"probability": 0.5}, {"dataset": "D/pairs", "probability": 0.5}],
            {"mixing_strategy": "all_exhausted"},
            None,
        ),
    ],
)
def test_all_parts_of_a_mixture_are_counted(tmp_path, parts, fields, rows):
    source = tmp_path / "a.jsonl"
    source.write_text("{}\n" * 10)
    config = SFTStageConfig(
        output_dir="o",
        model_name_or_path="m",
        dataset_mixture=[{"dataset": str(source), **part} for part in parts],
        train_batch_size=8,
        num_train_epochs=2,
        **fields,
    )
    estimate = estimate_stage(config, {"D/pairs": Estimate(rows=40)})
    steps = "" if rows is None else f"at most {-(-rows // 8) * 2} steps"
    assert (estimate.rows, estimate.note) == (rows, steps)


def test_dialogues_that_are_split_give_no_upper_bound(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}\n" * 10)
    names = {"output_dir": "o", "model_name_or_path": "m", "train_batch_size": 8}
    names["dataset"] = f"sharegpt:{tmp_path}/a.jsonl"
    note = "at least 2 steps if no row is left out: long dialogues are split"
    assert estimate_stage(SFTStageConfig(**names), {}) == Estimate(note=note)
    limited = estimate_stage(SFTStageConfig(**names, max_samples=40), {})
    assert limited == Estimate(40, note="at most 5 steps")


def test_a_single_data_set_is_a_mixture_of_one(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text("{}\n" * 10)
    names = {"output_dir": "o", "model_name_or_path": "m", "dataset": str(source)}
    assert estimate_stage(SFTStageConfig(**names), {}).rows == 10
    limited = SFTStageConfig(**names, max_samples=4, eval_dataset="e")
    assert estimate_stage(limited, {}).rows == 4


def test_what_counts_as_a_missing_path(tmp_path):
    assert looks_missing("./x") and looks_missing("data/x.jsonl") and looks_missing("/a/b/c")
    assert not looks_missing("pocket:train") and not looks_missing("owner/name.v2")
    assert not looks_missing(str(tmp_path))
