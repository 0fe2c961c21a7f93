"""From what lies in one order to the EvalRows of a prompt; pure.

An EvalRow is made from the prompt with its benchmark, the answers of all models to it (a
`Completion`), the grades of these (a `RankedPrompt`), and the rows of further judges
(`judges/judgement.py`). Benchmarks whose answers have a gold are shown to no judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alignray.errors import EvaluationError
from alignray.evaluation.garble import is_garbled
from alignray.evaluation.judges.compare import PAIR_SEPARATOR
from alignray.evaluation.rows import GOLD_KINDS, EvalRow
from alignray.evaluation.truth import find_truth
from alignray.ranking.refusal import has_refusal_keyword, is_refusal
from alignray.records import Completion, Prompt, RankedPrompt, RowStatus


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


@dataclass(frozen=True)
class EvalSet:
    """A benchmark as its rows need it; `is_correct` compares an answer with the gold.

    Example: `EvalSet("advbench", "harmful")`.
    """

    name: str
    kind: str
    is_correct: Callable[[Prompt, str], bool | None] | None = None
    """None where there is no gold. An answer that names no choice and no number is wrong."""


@dataclass(frozen=True)
class Verdicts:
    """All that judges said of the answers to one prompt.

    Example: `Verdicts(graded, [policy_row, compare_row])`; `Verdicts(None, [])` where the gold
    decides.
    """

    graded: RankedPrompt | None
    further: Sequence[Mapping[str, Any]]
    """One row per further judge, of the shape of `judges/judgement.py`."""
    comparing: frozenset[str] = frozenset()
    """Names of the judges whose rows are about pairs of models."""


@dataclass(frozen=True)
class Answered:
    """The answers of all models to one prompt, and why some have none.

    Example: `Answered(completion, {"sft": ("failed", "killed it")})`.
    """

    completion: Completion
    missing: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """Model -> (status, reason), of models without an answer."""


def build_eval_rows(
    prompt: Prompt,
    benchmark: EvalSet,
    answered: Answered,
    verdicts: Verdicts,
    models: Sequence[str],
) -> list[EvalRow]:
    """The rows of one prompt, one for each model, in the order of `models`.

    Args:
        prompt: the prompt.
        benchmark: its benchmark.
        answered: the answers of all models.
        verdicts: what the judges said.
        models: names of the models.

    Raises:
        EvaluationError: the inputs are not of the same prompt or not of the same answers.
    """
    _check_same(prompt, answered.completion, verdicts)
    answers = _list_answers(answered.completion)
    grades = _list_grades(verdicts.graded) if verdicts.graded else {}
    return [
        replace(
            _build_row(prompt, benchmark, (model, _answer_of(model, answers, answered)), grades),
            judgements=_list_judgements(model, verdicts),
        )
        for model in models
    ]


def _list_judgements(model: str, verdicts: Verdicts) -> list[dict[str, Any]]:
    """What further judges said of a model's answer; of comparisons, those in which it is first.

    A judge has its say on every answer: of one that is not there it is that there is none.
    """
    found: list[dict[str, Any]] = []
    for row in verdicts.further:
        if model not in row["models"] and row["judge"] not in verdicts.comparing:
            found.append(_build_unjudged(row["judge"]))
        for index, name in enumerate(row["models"]):
            judged, _, against = name.partition(PAIR_SEPARATOR)
            if judged == model:
                found.append(
                    {
                        "judge": row["judge"],
                        "against": against or None,
                        "label": row["labels"][index],
                        "value": row["values"][index],
                        "scores": row["scores"][index],
                        "reason": row["reasons"][index],
                    }
                )
    return found


def _build_unjudged(judge: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"against": None, "label": None, "value": None, "scores": []}
    return {"judge": judge, **empty, "reason": "no answer"}


def _check_same(prompt: Prompt, completion: Completion, verdicts: Verdicts) -> None:
    graded = verdicts.graded
    found = {(completion.row, completion.prompt_id)}
    found |= {(row["row"], row["prompt_id"]) for row in verdicts.further}
    found |= {(graded.row, graded.prompt_id)} if graded else set()
    if found != {(prompt.row, prompt.prompt_id)}:
        raise EvaluationError(
            f"row {prompt.row}", f"answers or grades of {sorted(found)}", f"of {prompt.prompt_id}"
        )
    same = (completion.generation_models, completion.generations)
    judged = bool(graded and graded.generation_models)
    if graded and judged and (graded.generation_models, graded.generations) != same:
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


def _answer_of(model: str, answers: Mapping[str, Answer], answered: Answered) -> Answer:
    if model in answers:
        return answers[model]
    status, reason = answered.missing.get(model, (RowStatus.UNSCORED, None))
    return Answer(None, None, status, reason or "no answer")


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
    prompt: Prompt, benchmark: EvalSet, answered: tuple[str, Answer], grades: Mapping[str, Grade]
) -> EvalRow:
    model, answer = answered
    correct = None
    if benchmark.is_correct is not None and answer.text is not None:
        correct = benchmark.is_correct(prompt, answer.text)
    grade = grades.get(model) if answer.text is not None else None
    if correct is not None:
        grade = Grade(None, None, None)
    grade = grade or Grade(None, None, answer.reason or _explain_ungraded(benchmark.kind))
    truth = None if answer.text is None else find_truth(prompt.messages, answer.text)
    return EvalRow(
        row=prompt.row,
        prompt_id=prompt.prompt_id,
        model=model,
        benchmark=benchmark.name,
        kind=benchmark.kind,
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
        correct=correct,
    )


def _explain_ungraded(kind: str) -> str:
    return "unreadable: no answer to compare" if kind in GOLD_KINDS else "no grade"


def _status_of(answer: Answer, grade: Grade) -> str:
    if answer.status != RowStatus.OK:
        return str(answer.status)
    return str(RowStatus.OK if grade.reason is None else RowStatus.UNSCORED)
