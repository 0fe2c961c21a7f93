from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.formats.mmlu import read_questions
from alignray.evaluation.formats.reading import read_csv
from alignray.evaluation.scoring.mmlu import (
    Answered,
    Question,
    build_prompt,
    choose_letter,
    find_label_tokens,
    list_missing_subjects,
    list_unknown_subjects,
    score_accuracies,
)
from alignray.evaluation.scoring.mmlu_categories import CATEGORIES, SUBCATEGORIES, find_category
from alignray.evaluation.scoring.score import Place

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
PLACE = Place("m", "mmlu")
SHOTS = [Question(f"Q{n}?", ("a", "b", "c", "d"), n % 4) for n in range(5)]
ASKED = Question("What?\nWhy?", ("None", "NA", "1", "x\ny"), 0)


def test_prompt_by_hand() -> None:
    assert build_prompt("high_school_physics", SHOTS[:1], ASKED) == (
        "The following are multiple choice questions (with answers) about  high school physics.\n\n"
        "Q0?\nA. a\nB. b\nC. c\nD. d\nAnswer: A\n\n"
        "What?\nWhy?\nA. None\nB. NA\nC. 1\nD. x\ny\nAnswer:"
    )


@pytest.mark.parametrize(("limit", "shots"), [(2048, 5), (60, 3), (35, 1), (1, 0)])
def test_the_last_shots_are_dropped_until_it_fits(limit: int, shots: int) -> None:
    prompt = build_prompt("anatomy", SHOTS, ASKED, lambda text: len(text.split()), limit)
    assert [f"Q{n}?" in prompt for n in range(5)] == [n < shots for n in range(5)]
    if shots < 5:
        longer = build_prompt("anatomy", SHOTS[: shots + 1], ASKED)
        assert len(longer.split()) > limit


@pytest.mark.parametrize("subject", ["abstract_algebra", "anatomy", "management"])
def test_prompts_are_those_of_published_predictions(subject: str) -> None:
    path = DATA / "mmlu-predictions/checkpoint-0" / f"{subject}_result.csv"
    if not path.exists():
        pytest.skip("needs mmlu-predictions in $ALIGNRAY_DATA")
    shots = read_questions(DATA / f"mmlu/dev/{subject}_dev.csv")
    rows = [row for _, row in read_csv(path)]
    assert len(rows) > 99
    for row in rows:
        assert isinstance(row, dict)
        choices = tuple(row[f"choice{n}"] for n in range(4))
        prompt = build_prompt(subject, shots, Question(row["question"], choices, 0))
        assert row["completion"].startswith(prompt.strip())
        assert row["completion"][len(prompt) :].strip() == row["prediction"]


def test_every_real_prompt_holds_five_shots_or_the_most_that_fit() -> None:
    folder = DATA / "mmlu"
    if not folder.is_dir():
        pytest.skip("needs mmlu in $ALIGNRAY_DATA")
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(DATA / "tokenizers/tokenizer.json"))
    limit, cut = 2048, set()

    def count(text: str) -> int:
        return len(tokenizer.encode(text).ids)

    for path in sorted((folder / "dev").glob("*.csv")):
        subject = path.name.removesuffix("_dev.csv")
        shots = read_questions(path)
        assert len(shots) == 5
        prompt = build_prompt(subject, shots[1:], shots[0], count, limit)
        assert count(prompt) <= limit
        held = prompt.count("\nAnswer: ")
        if held < 4:
            cut.add(subject)
            assert count(build_prompt(subject, shots[1 : held + 2], shots[0])) > limit
    assert "high_school_european_history" in cut
    assert "anatomy" not in cut


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


def test_label_tokens_are_the_first_of_each_letter() -> None:
    assert find_label_tokens(lambda text: [ord(text), 7]) == (65, 66, 67, 68)
    for encode in (lambda text: [29871, ord(text)], lambda text: []):
        with pytest.raises(EvaluationError, match="A to D"):
            find_label_tokens(encode)


def test_letter_of_the_highest_logit() -> None:
    assert choose_letter({"A": -1, "B": 2.5, "C": 2.5, "D": -math.inf}) == 1
    assert choose_letter({"A": 1, "B": math.nan, "C": 0, "D": 0}) is None
    assert choose_letter({"A": 1}) is None


def test_entries_are_json() -> None:
    entries = [s.to_entry() for s in score_accuracies(PLACE, [Answered("anatomy", True)])]
    json.dumps(entries, allow_nan=False)
