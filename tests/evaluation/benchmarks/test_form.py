"""A row -> prompt, category, subset and gold."""

from pathlib import Path

import pytest

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.config.benchmarks import find_row
from alignray.errors import ConfigError, SourceError
from alignray.evaluation.benchmarks.form import form_row, render_prompt
from alignray.evaluation.formats.reading import read_csv
from tests.sources.real_data import find_data


def build(**keys):
    base = {"name": "own", "title": "Own", "kind": "harmful"}
    return BenchmarkSpec.model_validate(base | keys)


def ask(spec, values, shots=()):
    row = form_row(spec, values, "f:1")
    return render_prompt(spec, row, shots, "f:1")


def test_the_first_column_that_is_there_is_taken_in_any_case():
    spec = build(prompt={"column": ["goal", "prompt"]}, category={"column": "topic"})
    row = form_row(spec, {"Prompt": "p", "TOPIC": "t"}, "f:1")
    assert (row.prompt, row.category, row.subset) == ("p", "t", None)


def test_a_row_without_the_column_is_named_and_not_quoted():
    with pytest.raises(SourceError, match=r"f:7: columns text; expected one of prompt"):
        form_row(build(), {"text": "secret"}, "f:7")


def test_a_null_prompt_is_none_and_a_number_is_refused():
    assert form_row(build(), {"prompt": None}, "f:1") is None
    with pytest.raises(SourceError, match="`prompt` is of type int; expected a text"):
        form_row(build(), {"prompt": 3}, "f:1")


def test_labels_by_pattern():
    spec = find_row("xstest").spec
    rows = [
        form_row(spec, {"prompt": "p", "type": t}, "f") for t in ("contrast_privacy", "privacy")
    ]
    assert [row.subset for row in rows] == ["unsafe", "safe"]
    assert rows[0].category == "contrast_privacy"


def test_hex_phi_keeps_its_numbering():
    spec = find_row("hex-phi").spec
    names = [
        form_row(spec, {"prompt": "p", "category": str(n)}, "f").category for n in (1, 2, 10, 11)
    ]
    assert names == [
        "Illegal Activity",
        "Child Abuse Content",
        "Privacy Violation Activity",
        "Tailored Financial Advice",
    ]


def test_context_stands_above_a_contextual_behaviour():
    spec = find_row("harmbench").spec
    assert ask(spec, {"Behavior": "b", "ContextString": "c"}) == "c\n\n---\n\nb"
    assert ask(spec, {"Behavior": "b", "ContextString": ""}) == "b"


def test_the_first_turn_of_a_transcript():
    spec = find_row("hh-rlhf-red-team").spec
    text = "\n\nHuman: first {{ x }}\n\nAssistant: no\n\nHuman: second\n\nAssistant: no"
    assert ask(spec, {"transcript": text}) == "first {{ x }}"


def test_values_are_never_templates():
    assert ask(build(), {"prompt": "{{ 7 * 7 }} {% raw %}"}) == "{{ 7 * 7 }} {% raw %}"


@pytest.mark.parametrize(
    "template", ["{{ row.missing }}", "{{ prompt.__class__.__mro__ }}", "{{ 1 / 0 }}"]
)
def test_a_template_that_fails_is_named(template):
    spec = build(prompt={"template": template})
    with pytest.raises(SourceError, match="template of own fails"):
        ask(spec, {"prompt": "p"})


def test_a_template_that_is_no_jinja():
    with pytest.raises(ConfigError, match=r"`prompt\.template`"):
        ask(build(prompt={"template": "{% if %}"}), {"prompt": "p"})


@pytest.mark.parametrize(("value", "gold"), [("B", "B"), (" b ", "B"), (1, "B"), ("1", "B")])
def test_gold_by_letter_or_position(value, gold):
    row = form_row(find_row("mmlu").spec, {"question": "q", "answer": value}, "f")
    assert row.gold == gold


@pytest.mark.parametrize("value", ["E", 4, "", None, True])
def test_gold_that_is_no_label(value):
    with pytest.raises(SourceError, match=r"no label|no right answer"):
        form_row(find_row("mmlu").spec, {"question": "q", "answer": value}, "f")


def build_reference(subject, shots, item):
    """The prompt of Hendrycks et al.: two spaces before the subject, shots with their letters."""

    def form(text, choices, _):
        lines = [f"{letter}. {choice}" for letter, choice in zip("ABCD", choices, strict=True)]
        return "\n".join([text, *lines, "Answer:"])

    about = "".join(f" {word}" for word in subject.split("_"))
    header = f"The following are multiple choice questions (with answers) about {about}.\n\n"
    return header + "".join(f"{form(*s)} {'ABCD'[s[2]]}\n\n" for s in shots) + form(*item)


@pytest.mark.parametrize("subject", ["abstract_algebra", "anatomy", "management"])
def test_mmlu_is_asked_as_published_predictions_were(subject):
    path = Path(find_data(f"mmlu-predictions/checkpoint-0/{subject}_result.csv"))
    spec, columns = find_row("mmlu").spec, ("question", *"ABCD", "answer")
    shots = [
        form_row(spec, dict(zip(columns, cells, strict=True)) | {"subject": subject}, where)
        for where, cells in read_csv(Path(find_data(f"mmlu/dev/{subject}_dev.csv")), header=False)
    ]
    rows = [row for _, row in read_csv(path)]
    assert len(rows) > 99
    for row in rows:
        letters = {letter: row[f"choice{n}"] for n, letter in enumerate("ABCD")}
        question = {"question": row["question"], "answer": "A", "subject": subject}
        prompt = render_prompt(spec, form_row(spec, question | letters, "f"), shots, "f")
        assert row["completion"].startswith(prompt.strip())
        assert row["completion"][len(prompt) :].strip() == row["prediction"]


@pytest.mark.parametrize("on_hub", [False, True])
def test_mmlu_is_asked_as_the_reference_asks_it(on_hub):
    spec, subject = find_row("mmlu").spec, "abstract_algebra"

    def form(text, choices, answer):
        letters = dict(zip("ABCD", choices, strict=True))
        columns = {"choices": choices, "answer": answer} if on_hub else letters
        answered = {"answer": answer if on_hub else "ABCD"[answer]}
        return form_row(spec, {"question": text, "subject": subject} | columns | answered, "f")

    items = [(f"Q{i} <&> ?\n", [f"{i}{c}" for c in "wxyz"], i % 4) for i in range(6)]
    rows = [form(*item) for item in items]
    for count in (0, 5):
        assert render_prompt(spec, rows[5], rows[:count], "f") == build_reference(
            subject, items[:count], items[5]
        )
