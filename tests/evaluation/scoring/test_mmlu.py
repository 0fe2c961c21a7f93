from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.formats.mmlu import read_questions
from alignray.evaluation.scoring.mmlu import (
    Answered,
    list_missing_subjects,
    list_unknown_subjects,
    score_accuracies,
)
from alignray.evaluation.scoring.mmlu_categories import CATEGORIES, SUBCATEGORIES, find_category
from alignray.evaluation.scoring.score import Place

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
PLACE = Place("m", "mmlu")


def test_words_that_look_like_nothing_stay_words() -> None:
    path = DATA / "mmlu/test/college_computer_science_test.csv"
    if not path.exists():
        pytest.skip("needs mmlu in $ALIGNRAY_DATA")
    questions = read_questions(path)
    assert [n for n, q in enumerate(questions) if "None" in q.choices] == [10, 94]
    assert sum("\n" in question.text for question in questions) > 20
    assert len(questions) == 100


def test_all_real_questions_are_read() -> None:
    files = sorted((DATA / "mmlu").rglob("*.csv"))
    if not files:
        pytest.skip("needs mmlu in $ALIGNRAY_DATA")
    counts = {path.name: len(read_questions(path)) for path in files}
    assert sum(name.endswith("_dev.csv") for name in counts) == 57
    assert all(count == 5 for name, count in counts.items() if name.endswith("_dev.csv"))
    subjects = {name.removesuffix("_dev.csv") for name in counts if name.endswith("_dev.csv")}
    assert subjects == set(SUBCATEGORIES)


def test_categories_are_complete() -> None:
    assert len(SUBCATEGORIES) == 57
    assert len(set(SUBCATEGORIES.values())) == 17
    assert [len(members) for members in CATEGORIES.values()] == [6, 3, 5, 3]
    assert {name for members in CATEGORIES.values() for name in members} == set(
        SUBCATEGORIES.values()
    )
    assert find_category("law") == "humanities"
    assert find_category(SUBCATEGORIES["us_foreign_policy"]) == "social sciences"


def test_micro_average_is_over_questions_and_unreadable_is_not_wrong() -> None:
    answers = [Answered("anatomy", True)] * 3 + [Answered("anatomy", False)]
    answers += [Answered("virology", False)] * 2 + [Answered("virology", None)] * 2
    answers += [Answered("astronomy", True), Answered("cooking", True)]
    scores = {score.benchmark: score for score in score_accuracies(PLACE, answers)}
    everything = scores["mmlu"]
    assert (everything.k, everything.n, everything.unscored) == (5, 8, 2)
    assert everything.value == 5 / 8
    assert everything.extra["value_unscored_as_wrong"] == 5 / 10
    assert scores["mmlu/subcategory/health"].value == 3 / 6
    assert scores["mmlu/category/other"].value == 3 / 6
    assert scores["mmlu/category/STEM"].value == 1
    assert scores["mmlu/subject/cooking"].n == 1
    assert "mmlu/category/humanities" not in scores
    assert list_unknown_subjects(["anatomy", "cooking"]) == ["cooking"]
    assert len(list_missing_subjects(["anatomy", "cooking"])) == 56


def test_nothing_readable_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_accuracies(PLACE, [Answered("anatomy", None)])


def test_entries_are_json() -> None:
    entries = [s.to_entry() for s in score_accuracies(PLACE, [Answered("anatomy", True)])]
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    assert {entry["level"] for entry in entries} == {"all", "category", "subcategory", "subject"}
