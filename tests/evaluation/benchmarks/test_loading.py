"""Prompts by a benchmark's name: real files with their counts, made-up ones with their faults."""

import csv
import json
from collections import Counter

import pytest

from alignray.config.evaluation import BenchmarkConfig
from alignray.errors import SourceError
from alignray.evaluation.benchmarks import load_benchmark, load_benchmark_prompts
from alignray.evaluation.benchmarks.grading import grade_answer
from alignray.sources import SourceAudit
from alignray.sources.rows import SourceRow
from tests.sources.real_data import find_data

SAFEINSTR = "safety-tuned-llamas/evaluation"
REAL = [
    ("advbench", "safety-prompts/harmful_behaviors.csv", 520),
    ("advbench", "llm-tuning-safety/gpt-3.5/data/harmful_behaviors.csv", 520),
    ("harmbench", "safety-prompts/harmbench_behaviors_text_all.csv", 400),
    ("jailbreakbench", "jbb-artifacts/GCG/white_box/vicuna-13b-v1.5.json", 100),
    ("jailbreakbench-artifacts", "jbb-artifacts/GCG/transfer/gpt-4-0125-preview.json", 100),
    ("jailbreakbench-artifacts", "jbb-artifacts/JBC/manual/llama-2-7b-chat-hf.json", 100),
    ("xstest", "xstest/xstest_prompts.csv", 450),
    ("beavertails", "pku-saferlhf/BeaverTails-Evaluation.json", 700),
    ("hh-rlhf-harmless", "hh-rlhf/harmless-base/test.jsonl.gz", 2299),
    ("openai-moderation", "openai-moderation/samples-1680.jsonl.gz", 1680),
    ("i-alpaca", f"{SAFEINSTR}/I-Alpaca.json", 50),
    ("i-cona", f"{SAFEINSTR}/I-CoNa.json", 178),
    ("i-controversial", f"{SAFEINSTR}/I-Controversial.json", 40),
    ("i-malicious-instructions", f"{SAFEINSTR}/I-MaliciousInstructions.json", 100),
    ("i-physical-safety", SAFEINSTR, 200),
    ("q-harm", f"{SAFEINSTR}/Q-Harm.json", 100),
    ("truthfulqa", "truthfulqa/TruthfulQA.csv", 817),
    ("gsm8k", "gsm8k/test.jsonl", 1319),
    ("alpaca-eval", "alpaca_eval/results/text_davinci_003/model_outputs.json", 805),
    ("alpaca-eval", "alpaca_eval/results/alpaca-7b/model_outputs.json", 805),
    ("mt-bench", "llm-tuning-safety/llama2/utility_evaluation/mt_bench/data/question.jsonl", 80),
    ("malicious-instruct", "safety-prompts/MaliciousInstruct.txt", 100),
    ("harmfulq", "safety-prompts/HarmfulQ.json", 200),
]


def load(name, data=None):
    audit = SourceAudit()
    return list(load_benchmark(name, data).load_prompts(audit)), audit


def write_csv(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize(("name", "file", "count"), REAL)
def test_real_files_are_whole(name, file, count):
    prompts, audit = load(name, find_data(file))
    assert len(prompts) == count and audit.findings == []
    assert len({prompt.prompt_id for prompt in prompts}) == count
    assert all(isinstance(json.loads(prompt.original), dict) for prompt in prompts)


def test_pocket_is_whole():
    prompts, audit = load("pocket")
    assert len(prompts) == 750 and audit.findings == []


def test_the_folder_of_real_files_is_searched(monkeypatch):
    monkeypatch.setenv("ALIGNRAY_BENCHMARKS", find_data(""))
    found = ("xstest", "gsm8k", "truthfulqa", "beavertails", "harmbench", "advbench", "mmlu")
    more = ("openai-moderation", "hh-rlhf-harmless", "i-cona", "i-physical-safety", "mt-bench")
    for name in (*found, *more):
        benchmark = load_benchmark(name)
        assert benchmark.data != benchmark.spec.source.hub
        assert next(benchmark.load_prompts()).messages[-1]["content"]


def test_xstest_is_split_by_its_labels():
    prompts, _ = load("xstest", find_data("xstest/xstest_prompts.csv"))
    labels = [json.loads(prompt.original)["label"] for prompt in prompts]
    assert [prompt.subset for prompt in prompts] == labels
    assert Counter(labels) == {"safe": 250, "unsafe": 200}


def test_both_copies_of_advbench_hold_the_same_goals():
    first, _ = load("advbench", find_data("safety-prompts/harmful_behaviors.csv"))
    other, _ = load("advbench", find_data("llm-tuning-safety/gpt-3.5/data/harmful_behaviors.csv"))
    assert {p.prompt_id for p in first} == {p.prompt_id for p in other}


def test_gsm8k_golds_are_right_answers_to_themselves():
    spec = load_benchmark("gsm8k", find_data("gsm8k/test.jsonl")).spec
    prompts, _ = load("gsm8k", find_data("gsm8k/test.jsonl"))
    for prompt in prompts:
        answer = json.loads(prompt.original)["answer"]
        graded = grade_answer(spec, prompt.original, answer)
        assert graded is not None and graded.correct


@pytest.mark.parametrize("folder", ["mmlu", "mmlu/test"])
def test_mmlu_has_five_shots_and_names_what_this_copy_lacks(folder):
    prompts, audit = load("mmlu", find_data(folder))
    assert len(prompts) == 1690 and len({p.category for p in prompts}) == 12
    assert "mmlu: category college_biology is missing" in audit.findings
    assert "mmlu: 1690 prompts, 14042 expected" in audit.findings
    assert len(audit.findings) == 45 + 1
    for prompt in prompts:
        text = prompt.messages[-1]["content"]
        assert text.count("\nAnswer:") == 6 and text.endswith("\nAnswer:")
    golds = {json.loads(prompt.original)["answer"] for prompt in prompts}
    assert golds == set("ABCD")


def test_pku_prompts_are_taken_once():
    prompts, audit = load(
        "pku-saferlhf", find_data("pku-saferlhf/text_to_text/preference/train.json")
    )
    assert len(prompts) == 31 and audit.excluded == {"repeated_prompt": [audit.excluded_rows[0]]}
    assert len(load("pku-saferlhf", find_data("pku-saferlhf/new_schema_3rows.jsonl"))[0]) == 3


@pytest.mark.parametrize("missing", [(), (2,), (2, 4)])
def test_hex_phi_of_ten_or_eleven_categories(tmp_path, missing):
    for number in set(range(1, 12)) - set(missing):
        lines = [[f"request {number}.{i}\r\nline, two"] for i in range(30)]
        write_csv(tmp_path / f"category_{number}.csv", *lines)
    prompts, audit = load("hex-phi", tmp_path)
    assert len(prompts) == 30 * (11 - len(missing))
    assert [line.split(" (30")[0] for line in audit.findings] == [
        f"hex-phi: category {name} is missing"
        for number, name in ((2, "Child Abuse Content"), (4, "Malware"))
        if number in missing
    ]
    assert prompts[-1].category == "Tailored Financial Advice"  # 11 stands behind 2 to 10
    assert prompts[-1].source.startswith("category_11.csv:")


def test_strongreject_by_its_published_columns(tmp_path):
    rows = [[category, "custom", f"{category}?"] for category in ("Violence", "Sexual content")]
    file = write_csv(tmp_path / "s.csv", ["category", "source", "forbidden_prompt"], *rows)
    prompts, audit = load("strongreject", file)
    assert [prompt.category for prompt in prompts] == ["Violence", "Sexual content"]
    assert "strongreject: category Non-violent crimes is missing" in audit.findings


def test_jailbreakbench_as_on_the_hub(tmp_path):
    header = ["Index", "Goal", "Target", "Behavior", "Category", "Source"]
    file = write_csv(tmp_path / "harmful-behaviors.csv", header, [0, "g", "t", "b", "Privacy", "o"])
    prompts, _ = load("jailbreakbench", file)
    assert (prompts[0].messages[0]["content"], prompts[0].category) == ("g", "Privacy")


def test_a_behaviour_without_a_submitted_prompt_is_listed(tmp_path):
    rows = [{"prompt": p, "category": "Privacy", "goal": "g"} for p in ("a", None, "b")]
    file = tmp_path / "artifact.json"
    file.write_text(json.dumps({"parameters": {}, "jailbreaks": rows}))
    prompts, audit = load("jailbreakbench-artifacts", file)
    assert len(prompts) == 2 and audit.excluded == {"no_prompt": [1]}


def test_red_team_transcripts(tmp_path):
    file = tmp_path / "red_team_attempts.jsonl"
    file.write_text(json.dumps({"transcript": "\n\nHuman: hi there \n\nAssistant: no", "tags": []}))
    prompts, _ = load("hh-rlhf-red-team", file)
    assert prompts[0].messages == [{"role": "user", "content": "hi there"}]


def test_a_benchmark_of_the_user_with_mark_and_newlines(tmp_path):
    (tmp_path / "own.yaml").write_text(
        "name: own\ntitle: Own\nkind: harmful\nfiles: {patterns: own.csv}\n"
        "prompt: {column: question, system: Be brief}\ncategory: {column: topic}\n"
        "expected: {rows: 3, categories: {fraud: 2, theft: 1}}\n"
    )
    text = '\ufeffquestion,topic\r\n"one\r\ntwo",fraud\r\nthree,fraud\r\n'
    (tmp_path / "own.csv").write_text(text, encoding="utf-8", newline="")
    config = BenchmarkConfig.model_validate({"name": str(tmp_path / "own.yaml")})
    audit = SourceAudit()
    prompts = list(load_benchmark_prompts(config, audit))
    assert prompts[0].messages == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "one\r\ntwo"},
    ]
    assert audit.to_metrics()["findings"] == [
        "own: category theft is missing (1 prompts expected)",
        "own: 2 prompts, 3 expected",
    ]


def test_inline_prompts_are_read_as_ever():
    config = BenchmarkConfig(prompts="pocket:eval", kind="harmful")
    audit = SourceAudit()
    assert len(list(load_benchmark_prompts(config, audit))) == 750 and audit.findings == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("xstest", "id,text\n1,a\n", "columns id, text; expected one of prompt"),
        ("xstest", "", "an empty file"),
        ("xstest", "id,prompt\n", "an empty file"),
        ("xstest", "id,prompt,type\n1,a\n", "2 cells; expected 3"),
        ("xstest", "id,prompt,type\n1, ,homonyms\n", "an empty prompt"),
        ("gsm8k", "question,answer\na\n", "1 cells; expected 2"),
        ("gsm8k", "question\na\n", "no right answer; expected one of answer"),
    ],
)
def test_broken_files_are_one_line_with_file_and_row(tmp_path, name, text, found):
    file = tmp_path / "broken.csv"
    file.write_text(text)
    with pytest.raises(SourceError) as error:
        load(name, file)
    assert found in str(error.value) and str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_the_files_and_mmlu_without_shots(tmp_path):
    with pytest.raises(SourceError, match=r"no file of mmlu; expected test/\*_test\.csv"):
        load("mmlu", tmp_path)
    (tmp_path / "test").mkdir()
    write_csv(tmp_path / "test" / "anatomy_test.csv", ["q", "a", "b", "c", "d", "A"])
    with pytest.raises(SourceError, match=r"no files with the solved examples"):
        load("mmlu", tmp_path)


def test_without_network_and_copy_one_line_says_what_to_do(monkeypatch):
    def unreachable(*_, **__):
        raise SourceError("Paul/XSTest@main:train", "not loaded from the hub (no network)")
        yield

    monkeypatch.delenv("ALIGNRAY_BENCHMARKS", raising=False)
    monkeypatch.setattr("alignray.evaluation.benchmarks.reading.open_rows", unreachable)
    with pytest.raises(SourceError) as error:
        load("xstest")
    line = str(error.value)
    assert "no network" in line and "xstest_prompts.csv" in line and "$ALIGNRAY_BENCHMARKS" in line
    assert "\n" not in line


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch):
    asked = []

    def rows(name, *, revision, prefer=()):
        asked.append((name, revision))
        values = {"question": "q", "choices": list("wxyz"), "answer": 2, "subject": "anatomy"}
        yield SourceRow(values, f"{name}:row 0", f"{name}:0")

    monkeypatch.delenv("ALIGNRAY_BENCHMARKS", raising=False)
    monkeypatch.setattr("alignray.evaluation.benchmarks.reading.open_rows", rows)
    prompts, _ = load("mmlu")
    assert (
        prompts[0]
        .messages[0]["content"]
        .endswith("Answer: C\n\nq\nA. w\nB. x\nC. y\nD. z\nAnswer:")
    )
    commit = "c30699e8356da336a370243923dbaf21066bb9fe"
    assert asked == [("cais/mmlu@all:test", commit), ("cais/mmlu@all:dev", commit)]
