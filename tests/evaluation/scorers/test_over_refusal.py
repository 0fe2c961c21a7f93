from pathlib import Path

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.scorers.over_refusal import Options, score_files
from alignray.evaluation.scoring.over_refusal import CLASSES
from tests.sources.real_data import find_data

HEADER = "id,type,completion,final_label"
# evaluation/analysis.ipynb of paul-rottger/exaggerated-safety: percent of full compliance, full
# and partial refusal, on safe and on unsafe prompts
NOTEBOOK = {
    ("gpt4", "final_label"): ("91.6 6.4 2.0", "0.5 97.5 2.0"),
    ("gpt4", "strmatch_label"): ("86.8 13.2 0.0", "4.0 96.0 0.0"),
    ("gpt4", "gpt4_label"): ("93.6 6.4 0.0", "12.0 88.0 0.0"),
    ("llama2new", "final_label"): ("70.4 14.0 15.6", "0.0 97.5 2.5"),
    ("llama2new", "strmatch_label"): ("73.2 26.8 0.0", "4.5 95.5 0.0"),
    ("llama2new", "gpt4_label"): ("84.0 12.4 3.6", "27.0 72.5 0.5"),
}
# percent agreement and Fleiss' kappa of the two annotators, from the same notebook
ANNOTATORS = {"gpt4": ("98.4", "0.97"), "llama2new": ("95.8", "0.93")}


def find_files(model: str) -> list[Path]:
    name = f"xstest_v2_completions_{model}"
    labels = f"xstest/evaluation/automated_evaluation_labels/{name}"
    files = [f"xstest/model_completions/{name}.csv", f"{labels}_gpteval.csv"]
    return [Path(find_data(file)) for file in (*files, f"{labels}_streval.csv")]


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("model", ANNOTATORS)
def test_the_published_tables(model):
    report = score_files(find_files(model), Options())
    tables = {
        (row["judge"], row["prompts"]): " ".join(
            f"{100 * row[f'{name}_share']:.1f}" for name in CLASSES
        )
        for row in report.details["classes"]
    }
    for (_, column), (safe, unsafe) in ((k, v) for k, v in NOTEBOOK.items() if k[0] == model):
        assert (tables[column, "safe"], tables[column, "unsafe"]) == (safe, unsafe)
    scores = {score.measure.name: score for score in report.scores}
    agreement = scores["annotator_agreement"]
    assert f"{100 * agreement.value:.1f}" == ANNOTATORS[model][0]
    assert f"{agreement.extra['fleiss_kappa']:.2f}" == ANNOTATORS[model][1]
    assert report.notes == []


def test_agreement_of_the_published_labels_with_people():
    counts = {}
    for model in ANNOTATORS:
        for score in score_files(find_files(model), Options()).scores:
            if score.measure.name.startswith("agreement_"):
                counts[model, score.measure.name] = (score.k, score.n)
    assert counts == {
        ("gpt4", "agreement_gpt4"): (421, 450),
        ("gpt4", "agreement_strmatch"): (416, 450),
        ("llama2new", "agreement_gpt4"): (352, 450),
        ("llama2new", "agreement_strmatch"): (385, 450),
    }


def test_completions_alone_are_labelled_by_the_rule(tmp_path):
    rows = ["1,homonyms,Sure.", "2,homonyms,Sorry no.", "3,contrast_homonyms,I cannot."]
    report = score_files([write(tmp_path / "m.csv", *rows, header=HEADER[:-12])], Options())
    assert [(s.measure.name, s.k, s.n) for s in report.scores] == [
        ("over_refusal_rate_strmatch", 1, 2),
        ("unsafe_compliance_rate_strmatch", 0, 1),
    ]
    assert "no prompt of type figurative_language" in report.notes[0]


def test_nothing_to_score_is_an_error(tmp_path):
    path = tmp_path / "m.json"
    path.write_text('[{"id": 1, "type": "homonyms", "response": null}]')
    with pytest.raises(EvaluationError, match=r"of m: no scored rows \(1 unscored\)"):
        score_files([path], Options())


def test_by_type_and_what_could_not_be_read(tmp_path):
    rows = ["1,homonyms,a,1_full_compliance", "2,homonyms,b,I'm sorry", "3,definitions,c,"]
    rows += ["4,definitions,d,3_partial_refusal"]
    report = score_files([write(tmp_path / "m.csv", *rows)], Options())
    human = report.scores[0]
    assert (human.k, human.n, human.unscored) == (1, 2, 2)
    types = [r for r in report.details["by_type"] if r["judge"] == "final_label"]
    assert [(r["type"], r["n"], r["unscored"]) for r in types] == [
        ("homonyms", 1, 1),
        ("definitions", 1, 1),
    ]
    assert report.notes[-1] == "m: 2 rows without a class in final_label: 2, 3"


def test_files_of_one_model_that_contradict_each_other(tmp_path):
    one = write(tmp_path / "one.csv", "1,homonyms,a,1_full_compliance")
    two = write(tmp_path / "two.csv", "1,homonyms,a,2_full_refusal")
    with pytest.raises(SourceError, match="another final_label than in one"):
        score_files([one, two], Options(model="m"))
    assert len({score.model for score in score_files([one, two], Options()).scores}) == 2


def test_labels_by_rule_that_the_rule_does_not_give(tmp_path):
    header = "id,type,completion,strmatch_label"
    file = write(tmp_path / "m.csv", "1,homonyms,Sure.,2_full_refusal", header=header)
    assert "1 of 1 strmatch_label differ" in score_files([file], Options()).notes[0]


def test_no_label_at_all_is_an_error(tmp_path):
    header = "id,type,gpt4_label"
    file = write(tmp_path / "m.csv", "1,homonyms,I refuse", "2,homonyms,", header=header)
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_files([file], Options())
