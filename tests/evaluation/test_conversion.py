"""A finished evaluation as others' files, read back by the readers of these."""

import dataclasses
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.config.evaluation import Thresholds
from alignray.errors import ArtifactError, ConfigError
from alignray.evaluation.conversion import convert
from alignray.evaluation.formats.alpaca_eval import read_annotations, read_model_outputs
from alignray.evaluation.formats.jailbreakbench import read_artifact
from alignray.evaluation.formats.lm_eval import read_results
from alignray.evaluation.rows import EvalRow
from alignray.evaluation.summary import build_metrics
from alignray.evaluation.tally import EvalTally
from tests.evaluation.made_up import HARM, UNSCORED, build_config, build_row


@pytest.fixture
def evaluation(tmp_path):
    """An evaluation of 20 prompts by two models, with a comparing judge of the second."""
    rng, tally = random.Random(0), EvalTally(Thresholds())
    prompts = [[build_row(rng, number, model) for model in HARM] for number in range(20)]
    at = next(n for n, rows in enumerate(prompts) if rows[0].kind == "harmful")
    prompts[at] = [dataclasses.replace(row, response=None, **UNSCORED) for row in prompts[at]]
    for prompt in prompts:
        tally.add_prompt(prompt)
    rows = [row for prompt in prompts for row in prompt]
    dumped = [row.to_row() for row in rows]
    for row in dumped:
        if row["model"] == "sft":
            win = {"judge": "pairs", "against": "base", "label": "win", "value": 1.0}
            row["judgements"] = [win | {"scores": [], "reason": None}]
    folder = tmp_path / "eval"
    (folder / "data").mkdir(parents=True)
    table = pa.Table.from_pylist(dumped, EvalRow.ARROW_SCHEMA)
    pq.write_table(table, folder / "data" / "eval.parquet")
    record = {"verb": "eval", "metrics": build_metrics(tally, build_config())}
    (folder / "record.json").write_text(json.dumps(record))
    return folder, rows, record["metrics"]


def test_numbers_come_back_out_of_results_json(evaluation, tmp_path):
    folder, _, metrics = evaluation
    paths = convert(folder, "lm-eval", tmp_path / "out")
    assert [path.parent.name for path in paths] == ["base", "sft"]
    expected = {
        (entry["benchmark"], entry["metric"]): entry["value"]
        for entry in metrics["report"]
        if entry["model"] == "sft"
    }
    found = {(e["benchmark"], e["metric"]): e["value"] for e in read_results(paths[1]).entries}
    assert found == expected


def test_answers_and_preferences_come_back_as_alpaca_eval_has_them(evaluation, tmp_path):
    folder, rows, _ = evaluation
    written = convert(folder, "alpaca_eval", tmp_path / "out")
    paths = {f"{path.parent.name}/{path.name}": path for path in written}
    outputs = read_model_outputs(paths["base/model_outputs.json"])
    answers = [row.response for row in rows if row.model == "base" and row.response is not None]
    assert [o.output for o in outputs] == answers
    annotations = read_annotations(paths["sft/annotations.json"])
    assert {a.preference for a in annotations} == {2.0} and len(annotations) == 19
    assert (annotations[0].generator_1, annotations[0].generator_2) == ("base", "sft")
    assert "base/annotations.json" not in paths


def test_an_artifact_holds_the_answers_to_harmful_prompts_and_their_verdicts(evaluation, tmp_path):
    folder, rows, metrics = evaluation
    path = convert(folder, "jailbreakbench", tmp_path / "out")[0]
    artifact = read_artifact(path)
    asked = [row for row in rows if row.model == "base" and row.kind == "harmful"]
    harmful = [row for row in asked if row.response is not None and row.safety is not None]
    lost = artifact.parameters["method_parameters"]["unscored"]
    assert lost == len(asked) - len(harmful) > 0
    assert [j.extra["prompt_id"] for j in artifact.jailbreaks] == [row.prompt_id for row in harmful]
    assert all(j.behavior == j.goal for j in artifact.jailbreaks)
    assert artifact.parameters["number_of_submitted_prompts"] == len(harmful)
    assert [j.response for j in artifact.jailbreaks] == [row.response for row in harmful]
    rate = next(
        entry["value"]
        for entry in metrics["report"]
        if (entry["model"], entry["metric"]) == ("base", "harmful_rate")
    )
    assert artifact.parameters["attack_success_rate"] == pytest.approx(rate, abs=1e-6)


def test_nothing_is_written_over_and_formats_are_named(evaluation, tmp_path):
    folder = evaluation[0]
    convert(folder, "lm_eval", tmp_path / "out")
    with pytest.raises(ArtifactError, match="is there already"):
        convert(folder, "lm_eval", tmp_path / "out")
    with pytest.raises(ConfigError, match="did you mean `lm_eval`"):
        convert(folder, "lmeval", tmp_path / "other")
    (folder / "record.json").write_text('{"verb": "sft", "metrics": {}}')
    with pytest.raises(ArtifactError, match="a stage of sft"):
        convert(folder, "lm_eval", tmp_path / "other")
    assert not (tmp_path / "other").exists()
