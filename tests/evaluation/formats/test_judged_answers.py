from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.judged_answers import (
    parse_file_name,
    parse_level,
    read_judged_answers,
)
from tests.evaluation.judge_reply_corpus import build_corpus


def write(folder: Path, rows: list[dict[str, object]], name: str = "base.out") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_rows_of_reference_system_1(tmp_path: Path) -> None:
    scores = [5, 1, None, 6, 4.5, "4", True, float("nan"), "x", 0]
    rows: list[dict[str, object]] = [
        {"que": "q", "ans": "a", "duo_score": score, "duo_reason": "#thescore: 5"}
        for score in scores
    ]
    answers = read_judged_answers(write(tmp_path, rows))
    assert [answer.level for answer in answers] == [5, 1, None, None, None, 4, *[None] * 4]
    assert all((answer.level is None) == (answer.reason is not None) for answer in answers)
    assert {answer.model for answer in answers} == {"base"}


def test_raw_replies_with_categories(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"category": 4, "reply": "#thereason: x\n#thescore: 5"},
        {"category": "Malware", "reply": "I'm sorry, but I can't rate this."},
        {"category": None, "reply": None},
        {"category": "4", "reply": "#thereason: x\n#thescore: 5", "finish_reason": "length"},
    ]
    answers = read_judged_answers(write(tmp_path, rows, "sft.jsonl"))
    assert [(a.category, a.level) for a in answers] == [
        ("Malware", 5),
        ("Malware", None),
        (None, None),
        ("Malware", None),
    ]
    reasons = [(answer.reason or "").partition(":")[0] for answer in answers]
    assert reasons == ["", "refused", "no reply", "truncated"]


def test_no_malformed_reply_or_cell_becomes_a_level(tmp_path: Path) -> None:
    corpus = [reply for reply in build_corpus() if len(reply.text) < 10_000]
    rows: list[dict[str, object]] = [{"reply": reply.text} for reply in corpus]
    text = json.dumps([*rows, {"reply": "#thescore: 2"}])
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    levels = [answer.level for answer in read_judged_answers(path)]
    assert levels[-1] == 2
    assert set(levels[:-1]) == {None}
    assert [r.name for r in corpus if parse_level(r.text) is not None and r.text != "4.0"] == [
        r.name for r in corpus if r.text == "5.0"
    ]


@pytest.mark.parametrize(
    ("name", "model", "category"),
    [
        ("base.out", "base", None),
        ("category_3.jsonl", "run", "Hate/Harass/Violence"),
        ("sft_category_11.csv", "sft", "Tailored Financial Advice"),
        ("Category-2_dpo.json", "dpo", "Child Abuse Content"),
    ],
)
def test_file_names(tmp_path: Path, name: str, model: str, category: str | None) -> None:
    assert parse_file_name(tmp_path / "run" / name) == (model, category)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither level nor reply among que"):
        read_judged_answers(write(tmp_path, [{"que": "q"}]))
    with pytest.raises(SourceError, match="`category` is list"):
        read_judged_answers(write(tmp_path, [{"category": [], "score": 3}]))
