"""EvalRow: one answer of one model to one prompt, and all that is known of it; pure.

An EvalRow is made from three things that lie in the same order: the prompt with its benchmark, the
answers of all models to it (a `Completion`), and the judge's grades of these (a `RankedPrompt`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from alignray.config.evaluation import BenchmarkConfig
from alignray.errors import EvaluationError
from alignray.evaluation.garble import is_garbled
from alignray.evaluation.truth import find_truth
from alignray.ranking.refusal import has_refusal_keyword, is_refusal
from alignray.records import MESSAGES, Completion, Message, Prompt, RankedPrompt, Record, RowStatus


@dataclass(frozen=True, slots=True)
class EvalRow(Record):
    """One judged answer.

    Example: `model="sft"`, `benchmark="harmful"`, `kind="harmful"`, `response="I cannot help."`,
    `safety=4.9`, `helpfulness=4.1`, `refusal=True`, `garbled=False`, `verdict="scored"`,
    `truth_kind="refusal"`, `truth_safety=5`. Where there is no answer, `response`, `refusal` and
    `garbled` are None; where there is no grade, `safety` and `helpfulness` are None and `reason`
    says why. The `truth_` columns are None outside the pocket world.
    """

    row: int
    """Position of the prompt over all benchmarks; the answers of all models to it share it."""
    prompt_id: str
    model: str
    """Name of the model in the configuration."""
    benchmark: str
    kind: str
    """`harmful` or `benign`."""
    subset: str
    category: str | None
    source: str
    messages: list[Message]
    response: str | None
    finish_reason: str | None
    safety: float | None
    """The judge's grade, 1 (harmful) to 5 (safe)."""
    helpfulness: float | None
    """The judge's grade, 1 (useless) to 5 (helpful)."""
    verdict: str
    """`scored` or `unscored`."""
    refusal: bool | None
    """Opens with a refusal: the rule of `alignray.ranking.refusal`."""
    refusal_keyword: bool | None
    """Holds a refusal keyword of reference system 1 anywhere; for parity."""
    garbled: bool | None
    """By the rule of `alignray.evaluation.garble`."""
    truth_kind: str | None
    truth_safety: int | None
    truth_helpfulness: int | None
    status: str
    reason: str | None

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            ("row", pa.int64()),
            ("prompt_id", pa.string()),
            ("model", pa.string()),
            ("benchmark", pa.string()),
            ("kind", pa.string()),
            ("subset", pa.string()),
            ("category", pa.string()),
            ("source", pa.string()),
            ("messages", MESSAGES),
            ("response", pa.string()),
            ("finish_reason", pa.string()),
            ("safety", pa.float64()),
            ("helpfulness", pa.float64()),
            ("verdict", pa.string()),
            ("refusal", pa.bool_()),
            ("refusal_keyword", pa.bool_()),
            ("garbled", pa.bool_()),
            ("truth_kind", pa.string()),
            ("truth_safety", pa.int64()),
            ("truth_helpfulness", pa.int64()),
            ("status", pa.string()),
            ("reason", pa.string()),
        ]
    )


@dataclass(frozen=True)
class Answer:
    """One model's answer to one prompt, or why there is none."""

    text: str | None
    finish_reason: str | None
    status: str
    reason: str | None


@dataclass(frozen=True)
class Grade:
    """What the judge said of one answer, or why nothing."""

    safety: float | None
    helpfulness: float | None
    reason: str | None


def build_eval_rows(
    prompt: Prompt,
    benchmark: tuple[str, BenchmarkConfig],
    completion: Completion,
    judged: RankedPrompt,
    models: Sequence[str],
) -> list[EvalRow]:
    """The rows of one prompt, one for each model, in the order of `models`.

    Raises:
        EvaluationError: the three inputs are not of the same prompt or not of the same answers.
    """
    _check_same(prompt, completion, judged)
    name, config = benchmark
    answers = _list_answers(completion)
    grades = _list_grades(judged)
    return [
        _build_row(
            prompt, (model, name, config.kind), _answer_of(model, answers, completion), grades
        )
        for model in models
    ]


def _check_same(prompt: Prompt, completion: Completion, judged: RankedPrompt) -> None:
    found = {(completion.row, completion.prompt_id), (judged.row, judged.prompt_id)}
    if found != {(prompt.row, prompt.prompt_id)}:
        raise EvaluationError(
            f"row {prompt.row}", f"answers or grades of {sorted(found)}", f"of {prompt.prompt_id}"
        )
    same = (completion.generation_models, completion.generations)
    if judged.generation_models and (judged.generation_models, judged.generations) != same:
        raise EvaluationError(
            f"row {prompt.row}", "grades of other answers", "of the answers given"
        )


def _list_answers(completion: Completion) -> dict[str, Answer]:
    return {
        model: Answer(text, finish, RowStatus.OK, None)
        for model, text, finish in zip(
            completion.generation_models,
            completion.generations,
            completion.finish_reasons,
            strict=True,
        )
    }


def _answer_of(model: str, answers: Mapping[str, Answer], completion: Completion) -> Answer:
    status = completion.status if completion.status != RowStatus.OK else RowStatus.UNSCORED
    missing = Answer(None, None, status, completion.reason or "no answer")
    return answers.get(model, missing)


def _list_grades(judged: RankedPrompt) -> dict[str, Grade]:
    """Grades by model; a response is scored only if both grades are there."""
    reasons = judged.verdict_reasons or [None] * len(judged.generation_models)
    grades = {}
    for index, model in enumerate(judged.generation_models):
        safety = judged.safety[index] if judged.safety else None
        helpfulness = judged.helpfulness[index] if judged.helpfulness else None
        reason = reasons[index] or judged.reason or "no grade"
        scored = safety is not None and helpfulness is not None
        grades[model] = Grade(safety, helpfulness, None if scored else reason)
    return grades


def _build_row(
    prompt: Prompt, place: tuple[str, str, str], answer: Answer, grades: Mapping[str, Grade]
) -> EvalRow:
    model, benchmark, kind = place
    grade = grades.get(model) if answer.text is not None else None
    grade = grade or Grade(None, None, answer.reason or "no grade")
    truth = None if answer.text is None else find_truth(prompt.messages, answer.text)
    return EvalRow(
        row=prompt.row,
        prompt_id=prompt.prompt_id,
        model=model,
        benchmark=benchmark,
        kind=kind,
        subset=prompt.subset,
        category=prompt.category,
        source=prompt.source,
        messages=prompt.messages,
        response=answer.text,
        finish_reason=answer.finish_reason,
        safety=grade.safety,
        helpfulness=grade.helpfulness,
        verdict="scored" if grade.reason is None else "unscored",
        refusal=None if answer.text is None else is_refusal(answer.text),
        refusal_keyword=None if answer.text is None else has_refusal_keyword(answer.text),
        garbled=None if answer.text is None else is_garbled(answer.text),
        truth_kind=truth.kind if truth else None,
        truth_safety=truth.safety if truth else None,
        truth_helpfulness=truth.helpfulness if truth else None,
        status=_status_of(answer, grade),
        reason=grade.reason,
    )


def _status_of(answer: Answer, grade: Grade) -> str:
    if answer.status != RowStatus.OK:
        return str(answer.status)
    return str(RowStatus.OK if grade.reason is None else RowStatus.UNSCORED)
