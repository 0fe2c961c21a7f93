import json
from pathlib import Path

import pytest

from alignray.errors import ConfigError, EvaluationError
from alignray.evaluation.scorers.win_rate import Options, score_files
from tests.sources.real_data import find_data

# leaderboards/data_AlpacaEval/alpaca_eval_gpt4_leaderboard.csv of tatsu-lab/alpaca_eval
LEADERBOARD = {
    "alpaca-7b": (26.45962733, 1.53571147, 205, 584, 16, 805),
    "text_davinci_001": (15.17412935, 1.235107892, 112, 672, 20, 804),
}


def write(path: Path, *rows: tuple[str, str, object], **other: object) -> Path:
    names = ("generator_1", "generator_2", "preference")
    content = [
        {"instruction": str(i), **dict(zip(names, row, strict=True)), **other}
        for i, row in enumerate(rows)
    ]
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("run", LEADERBOARD)
def test_the_published_leaderboard(run):
    file = Path(find_data(f"alpaca_eval/results/{run}/alpaca_eval_gpt4/annotations.json"))
    (score,) = score_files([file], Options()).scores
    rate, error, *counts = LEADERBOARD[run]
    assert score.model == run
    assert score.value == pytest.approx(rate, abs=1e-6)
    assert score.extra["standard_error"] == pytest.approx(error, abs=1e-6)
    names = ("n_wins", "n_wins_base", "n_draws", "n_total")
    assert [score.extra[name] for name in names] == counts
    assert score.unscored == 805 - counts[-1]
    assert score.extra["reference"] == "text_davinci_003"


def test_the_model_as_generator_1(tmp_path):
    file = write(tmp_path / "a.json", ("m", "ref", 1), ("m", "ref", 2), ("ref", "m", 2))
    (score,) = score_files([file], Options(model="m")).scores
    assert (score.model, score.n, score.extra["reference"]) == ("m", 3, "ref")
    assert score.value == pytest.approx(200 / 3)
    assert score_files([file], Options(reference="ref")).scores == [score]
    assert [s.model for s in score_files([file], Options()).scores] == ["ref", "m"]


def test_a_name_that_is_on_neither_side_is_an_error(tmp_path):
    file = write(tmp_path / "a.json", ("ref", "m", 1))
    with pytest.raises(ConfigError, match=r"a.json\[0\]: generators ref and m; expected x"):
        score_files([file], Options(model="x"))
    with pytest.raises(ConfigError, match="expected y"):
        score_files([file], Options(reference="y"))


def test_annotators_are_kept_apart(tmp_path):
    one = write(tmp_path / "a.json", ("ref", "m", 2), annotator="gpt4")
    two = write(tmp_path / "b.json", ("ref", "m", 1), annotator="claude")
    scores = score_files([one, two], Options()).scores
    assert [(s.extra["annotator"], s.value) for s in scores] == [("gpt4", 100), ("claude", 0)]


def test_files_without_generators_are_named_by_their_folder(tmp_path):
    folder = tmp_path / "results" / "my-model" / "gpt4"
    folder.mkdir(parents=True)
    (folder / "annotations.json").write_text('[{"preference": 2}]')
    (score,) = score_files([folder / "annotations.json"], Options()).scores
    assert (score.model, score.value) == ("my-model", 100)


def test_length_controlled_only_from_the_publishers_predictions(tmp_path):
    plain = write(tmp_path / "a.json", ("ref", "m", 2))
    report = score_files([plain], Options())
    assert [score.measure.name for score in report.scores] == ["win_rate"]
    assert "no length-controlled win rate" in report.notes[0]
    fitted = write(tmp_path / "b.json", ("ref", "m", 2), ("m", "ref", 1), glm_preference=0.25)
    rates = {s.measure.name: s.value for s in score_files([fitted], Options(model="m")).scores}
    assert rates == {"win_rate": 100, "length_controlled_winrate": 50}  # .25 and 1 - .25


def test_notes_name_unread_rows_and_repeated_instructions(tmp_path):
    file = write(tmp_path / "a.json", ("ref", "m", 2), ("ref", "m", None))
    report = score_files([file, file], Options())
    assert report.scores[0].n == 2
    assert "2 judgements could not be read and are left out: a.json[1]" in report.notes[0]
    assert "2 rows repeat an instruction" in report.notes[1]


def test_null_everywhere_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_files([write(tmp_path / "a.json", ("ref", "m", None))], Options())
