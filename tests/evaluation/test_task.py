"""One row per prompt, one request per model, nothing lost when an engine has no answer."""

import pytest

from alignray.config.inference import FakeEngineConfig, SamplingParams
from alignray.evaluation.answer_form import AnswerForm, FormTable
from alignray.evaluation.engines import EngineGroup
from alignray.evaluation.task import AnswerTask, merge_rows
from alignray.inference.engine import Output, Result
from alignray.records import Completion, RowStatus

PROMPT = {
    "row": 3,
    "prompt_id": "p-3",
    "messages": [{"role": "user", "content": "How do I brew tea?"}],
    "subset": "default",
    "category": None,
    "source": "x.jsonl:4",
    "original": "{}",
}
SAMPLING = SamplingParams(temperature=1.0, max_tokens=8, seed=5)
CHOICE = AnswerForm(SamplingParams(temperature=0, max_tokens=1), ("A", "B"))
FORMS = FormTable([(0, AnswerForm(SAMPLING)), (4, CHOICE)])


def build_task(models=None, **changes):
    models = models or {"base": None, "sft": "sft"}
    group = EngineGroup("shared", FakeEngineConfig(), models)
    return AnswerTask(group, FORMS, **changes)


def answer(*texts):
    return [Result([Output(text, "stop", 2)], 7) for text in texts]


def test_each_model_gets_the_same_request_but_for_its_adapter():
    base, sft = build_task().build_requests(PROMPT)
    assert (base.adapter, sft.adapter) == (None, "sft")
    assert (base.messages, base.seed, base.sampling) == (sft.messages, sft.seed, sft.sampling)
    assert base.request_id != sft.request_id


def test_row_holds_the_answers_under_the_names_of_their_models():
    task = build_task()
    row = Completion.from_row(task.build_row(PROMPT, answer("Yes.", "No.")))
    assert dict(zip(row.generation_models, row.generations, strict=True)) == {
        "base": "Yes.",
        "sft": "No.",
    }
    assert (row.completion_tokens, row.prompt_tokens, row.status) == ([2, 2], 14, "ok")
    assert row.key == task.compute_key(PROMPT)


def test_a_prompt_is_answered_in_the_form_of_its_benchmark_by_all_models():
    task = build_task()
    base, sft = task.build_requests(PROMPT | {"row": 4})
    assert base.label_tokens == sft.label_tokens == ("A", "B")
    assert base.sampling == sft.sampling == CHOICE.sampling
    assert task.build_requests(PROMPT)[0].label_tokens == ()
    assert task.compute_key(PROMPT | {"row": 4}) != task.compute_key(PROMPT)
    assert task.compute_key(PROMPT | {"row": 2}) == task.compute_key(PROMPT)


def test_salt_knows_models_and_system_prompt():
    salts = {
        build_task().salt,
        build_task({"base": None}).salt,
        build_task({"base": None, "dpo": "dpo"}).salt,
        build_task(system_prompt="Be brief.").salt,
    }
    assert len(salts) == 4 and build_task().salt in salts


def test_a_row_without_answers_keeps_its_reason():
    task = build_task()
    row = task.build_empty_row(PROMPT, RowStatus.UNSCORED, "prompt_too_long")
    assert (row["generations"], row["status"], row["reason"]) == ([], "unscored", "prompt_too_long")
    assert row["key"] == task.compute_key(PROMPT)


@pytest.mark.parametrize("order", [1, -1])
def test_merging_engines_keeps_what_one_of_them_could_not_do(order):
    done = build_task({"base": None}).build_row(PROMPT, answer("Yes."))
    failed = build_task({"full": None}).build_empty_row(PROMPT, RowStatus.FAILED, "killed it")
    merged = merge_rows([done, failed][::order])
    assert (merged["status"], merged["reason"]) == ("ok", "killed it")
    assert merged["generation_models"] == ["base"]


def test_merging_two_failures_is_a_failure():
    task = build_task()
    failed = task.build_empty_row(PROMPT, RowStatus.FAILED, "killed it")
    assert merge_rows([failed, failed])["status"] == "failed"
