import json
import math
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.lm_eval import build_results, read_results, write_results
from alignray.evaluation.scoring.score import Measure, Place, score_mean, score_rate

RATE = Measure("harmful_rate", "", "lower", 0, 1, "nothing")
PERCENT = Measure("HmR", "", "higher", 0, 100, "nothing")
GRADE = Measure("grade", "", "higher", 1, 5, "nothing")
HARNESS = {
    "results": {
        "arc_easy": {
            "alias": "arc_easy",
            "acc,none": 0.6561447811447811,
            "acc_stderr,none": 0.009746660584852454,
            "acc_norm,none": 0.5925925925925926,
            "acc_norm_stderr,none": 0.010082326627832872,
        },
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.25,
            "exact_match_stderr,strict-match": "N/A",
            "exact_match,flexible-extract": math.nan,
        },
        "wikitext": {
            "alias": "wikitext",
            "word_perplexity,none": 9,
            "word_perplexity_stderr,none": "N/A",
        },
        "mmlu": {" ": " ", "alias": "mmlu"},
    },
    "group_subtasks": {"mmlu": ["a", "b"]},
    "versions": {"arc_easy": 1.0, "gsm8k": 3},
    "n-shot": {"arc_easy": 0, "gsm8k": 5},
    "higher_is_better": {
        "arc_easy": {"acc": True, "acc_norm": True},
        "wikitext": {"word_perplexity": False},
    },
    "n-samples": {"arc_easy": {"original": 2376, "effective": 2376}},
    "configs": {"arc_easy": {"task": "arc_easy", "metadata": {"version": 1.0}}},
    "config": {"model": "hf", "model_args": "pretrained=gpt2,peft=mine,dtype=float"},
    "git_hash": "abc",
}


def print_table(content: dict) -> list[list[str]]:
    """What the harness' own table looks up: versions, n-shot, alias, `metric,filter`, stderr."""
    lines = []
    for task, metrics in content["results"].items():
        version = content["versions"].get(task, "N/A")
        shots = str(content.get("n-shot", " ").get(task, " "))
        for key, value in sorted(metrics.items()):
            metric, _, name = key.partition(",")
            if key == "alias" or metric.endswith("_stderr"):
                continue
            error = metrics.get(f"{metric}_stderr,{name}")
            shown = "N/A" if error == "N/A" else f"{error:.4f}"
            value = f"{value:.4f}" if isinstance(value, float) else value
            lines.append([metrics["alias"], str(version), name, shots, metric, value, shown])
    return lines


def make_entries() -> list[dict]:
    rows = [True] * 3 + [False] * 7 + [None]
    return [
        score_rate(RATE, Place("sft", "harmful"), rows).to_entry(),
        score_rate(PERCENT, Place("sft", "harmful"), rows, scale=100).to_entry(),
        score_mean(GRADE, Place("sft", "benign"), [2, 3, 4]).to_entry(),
    ]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_results_of_the_harness_become_entries(tmp_path):
    results = read_results(write(tmp_path / "results.json", HARNESS))
    assert [(e["benchmark"], e["metric"], e["direction"], e["n"]) for e in results.entries] == [
        ("arc_easy", "acc", "higher", 2376),
        ("arc_easy", "acc_norm", "higher", 2376),
        ("gsm8k", "exact_match,strict-match", "higher", None),
        ("wikitext", "word_perplexity", "lower", None),
    ]
    first = results.entries[0]
    assert first["model"] == "mine"  # the adapter, not its base
    assert first["value"] == 0.6561447811447811
    assert first["ci_high"] - first["value"] == pytest.approx(1.959964 * 0.009746660584852454)
    assert results.entries[2]["ci_low"] is None
    assert results.skipped == ["gsm8k exact_match,flexible-extract"]


def test_files_of_before_filters(tmp_path):
    old = {
        "results": {"piqa": {"acc": 0.7, "acc_stderr": 0.01}},
        "versions": {"piqa": 0},
        "config": {"model": "gpt2", "model_args": "pretrained=EleutherAI/pythia-1b"},
    }
    (entry,) = read_results(write(tmp_path / "r.json", old)).entries
    assert (entry["model"], entry["metric"], entry["value"]) == ("EleutherAI/pythia-1b", "acc", 0.7)
    assert entry["ci_low"] == pytest.approx(0.7 - 0.01959964)


def test_what_was_read_is_written_with_every_field(tmp_path):
    results = read_results(write(tmp_path / "a.json", HARNESS))
    write_results(tmp_path / "b.json", results.content)
    written = json.loads((tmp_path / "b.json").read_text())
    assert written["results"]["gsm8k"].pop("exact_match,flexible-extract") == "N/A"  # was NaN
    expected = json.loads(json.dumps(HARNESS))
    del expected["results"]["gsm8k"]["exact_match,flexible-extract"]
    assert written == expected


def test_our_entries_come_back_as_they_were(tmp_path):
    entries = make_entries()
    write_results(tmp_path / "results.json", build_results(entries, date=1.5))
    results = read_results(tmp_path / "results.json")
    assert results.entries == entries
    write_results(tmp_path / "again.json", results.content)
    assert (tmp_path / "again.json").read_text() == (tmp_path / "results.json").read_text()


def test_the_harness_table_can_be_printed_from_ours(tmp_path):
    write_results(tmp_path / "results.json", build_results(make_entries()))
    table = print_table(json.loads((tmp_path / "results.json").read_text()))
    # sd of 3 of 10 with ddof=1 over sqrt(10); of 2, 3, 4: 1 / sqrt(3)
    assert table == [
        ["harmful", "1.0", "none", "0", "HmR", "30.0000", "15.2753"],
        ["harmful", "1.0", "none", "0", "harmful_rate", "0.3000", "0.1528"],
        ["benign", "1.0", "none", "0", "grade", "3.0000", "0.5774"],
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "no object `results`"),
        ({"config": {}}, "no object `results`"),
        ({"results": {"a": 0.5}}, "no object `results`"),
        ({"results": {}}, "not one number"),
        ({"results": {"a": {"acc,none": math.nan, "alias": "a"}}}, "not one number"),
    ],
)
def test_other_files_are_named(content, words, tmp_path):
    with pytest.raises(SourceError) as caught:
        read_results(write(tmp_path / "r.json", content))
    assert words in str(caught.value)


def test_one_file_holds_one_model_and_each_metric_once():
    entries = make_entries()
    with pytest.raises(SourceError, match="models sft, dpo"):
        build_results([entries[0], {**entries[1], "model": "dpo"}])
    with pytest.raises(SourceError, match="harmful_rate of harmful twice"):
        build_results([entries[0], entries[0]])
    with pytest.raises(SourceError, match="expected one"):
        build_results([])


def test_the_standard_error_is_of_the_value_before_rounding():
    entry = score_rate(PERCENT, Place("m", "b"), [True] + [False] * 299, 100).to_entry()
    entry |= {"value": 0, "exact": 100 / 300}
    error = build_results([entry])["results"]["b"]["HmR_stderr,none"]
    assert error == pytest.approx(100 * math.sqrt(1 / 300 * 299 / 300 / 299))
