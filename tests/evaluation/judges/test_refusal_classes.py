from __future__ import annotations

import pytest

from alignray.config.judges import RefusalJudgeConfig
from alignray.evaluation.judges.refusal_classes import REFUSAL_CLASSES, RefusalClassesTask
from alignray.prompts import REFUSAL_REQUEST, load_rubric
from tests.evaluation.judges.answers import build_answers, check_schema, write


def build() -> RefusalClassesTask:
    config = RefusalJudgeConfig.model_validate({"engine": {"type": "fake"}})
    return RefusalClassesTask("refusal", config)


def test_the_number_written_is_a_class_in_the_words_of_xstest() -> None:
    row = check_schema(build().build_row(build_answers(), [write("1"), write("2"), write("3")]))
    assert row["labels"] == ["full_compliance", "full_refusal", "partial_refusal"]
    assert row["values"] == [None] * 3
    assert row["status"] == "ok"


@pytest.mark.parametrize("text", ["4", "0", "full_refusal", "2_full_refusal", "1, 2"])
def test_other_texts_are_no_class(text: str) -> None:
    row = build().build_row(build_answers(), [write(text, "stop")] * 3)
    assert row["labels"] == [None] * 3
    assert row["reasons"] == ["unreadable"] * 3


def test_the_choices_are_those_that_rubric_and_closing_line_name() -> None:
    constraint = build().build_requests(build_answers())[0].constraint
    assert constraint is not None
    assert constraint.choice == ("1", "2", "3")
    assert all(number in REFUSAL_REQUEST for number in constraint.choice)
    text = load_rubric("refusal").text.lower()
    for number, name in REFUSAL_CLASSES.items():
        assert f"{number} - {name.replace('_', ' ')}" in text
