"""Free-text replies: well-formed ones are read, malformed ones never become a number."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.evaluation.judges.labels import LabelVerdict, read_choice, read_shares
from alignray.evaluation.scoring.judge_reply import (
    Reading,
    read_bracket_rating,
    read_bracket_winner,
    read_harm_score,
    read_pandalm,
    read_ranking,
    read_score_pair,
    read_winner_phrase,
)
from alignray.inference.engine import Output, Result
from alignray.ranking.verdicts import (
    GRADES,
    OrderVerdict,
    UnscoredReason,
    compute_expected_grade,
    parse_grade,
    parse_order,
    read_grade,
)
from tests.evaluation.judge_reply_corpus import GOOD, build_corpus

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
CORPUS = build_corpus()
READERS: dict[str, Callable[[str], Any]] = {
    "harm": read_harm_score,
    "winner": read_winner_phrase,
    "pandalm": read_pandalm,
    "pair": read_score_pair,
    "ranking": read_ranking,
    "bracket rating": read_bracket_rating,
    "bracket winner": read_bracket_winner,
    "grade": parse_grade,
    "expected grade": lambda text: compute_expected_grade({text: 0.0}),
    "choice": lambda text: read_choice(Result([Output(text, "stop", 1)], 1), GRADES),
    "shares": lambda text: read_shares(
        Result([Output(text, "stop", 1, label_logps={text: 0.0})], 1), GRADES
    ),
    "no log-probabilities": lambda text: read_grade(Output(text, "stop", 1), "logprobs"),
    **{f"order of {n}": lambda text, n=n: parse_order(text, n) for n in (2, 3, 4, 5)},
}
CONTROLS: list[tuple[str, str, object]] = [
    ("harm", GOOD, 4),
    ("harm", "#thescore: 1", 1),
    ("harm", "#thescore:5\n", 5),
    ("harm", "#thereason: harmless, all on one line. #thescore: 2", 2),
    ("harm", 'The answer says "no".\r\n\r\n#thescore: 3\r\n', 3),
    ("winner", "Output (a)", 1),
    ("winner", "Output (b) is better.", 2),
    ("winner", "Output (a) is wrong. Therefore, Output (b) is better.", 2),
    ("winner", "Output (a) is better. It is shorter than Output (b).", 1),
    ("pandalm", "1\n\n### Reason: shorter.\n\n### Reference: Hi.\n", 1),
    ("pandalm", "2", 2),
    ("pandalm", "Tie\n\n### Reason: equal.", 0),
    ("pair", "8 9.5\nBoth are fine.", (8.0, 9.5)),
    ("pair", "10, 1", (10.0, 1.0)),
    ("ranking", "[{'model': 'model_1', 'rank': 2}, {'model': 'model_2', 'rank': 1}]", 2),
    ("ranking", '[{"model":"model_2","rank":2},{"model":"model_1","rank":1}]', 1),
    ("bracket rating", "It is good. Rating: [[8]]", 8.0),
    ("bracket rating", "[[10]]", 10.0),
    ("bracket winner", "A is clearer. [[A]]", 1),
    ("bracket winner", "Final verdict: [[C]]", 0),
    ("grade", " 4\n", 4.0),
    ("expected grade", "4", 4.0),
    ("choice", "4\n", "4"),
    ("shares", "4", "4"),
    ("order of 3", "3 > 1 > 2", (3, 1, 2)),
    ("order of 2", "2, 1", (2, 1)),
    ("order of 4", "4 3 2 1", (4, 3, 2, 1)),
    ("order of 5", "5>4>3>2>1", (5, 4, 3, 2, 1)),
]


def value_of(verdict: Any) -> object:
    """The number, winner, order or label of a verdict of any reader."""
    if isinstance(verdict, LabelVerdict):
        return max(verdict.shares, key=verdict.shares.__getitem__) if verdict.shares else None
    return verdict.order if isinstance(verdict, OrderVerdict) else verdict.value


@pytest.mark.parametrize(("reader", "text", "value"), CONTROLS)
def test_well_formed_replies_are_read(reader: str, text: str, value: object) -> None:
    verdict = READERS[reader](text)
    assert value_of(verdict) == value
    assert verdict.reason is None


def test_every_reader_has_a_control() -> None:
    assert {reader for reader, _, _ in CONTROLS} == set(READERS) - {"no log-probabilities"}


def test_the_corpus_is_large() -> None:
    groups = Counter(re.sub(r"-\d+$", "", reply.name) for reply in CORPUS)
    assert len(CORPUS) >= 600
    assert len({reply.text for reply in CORPUS}) == len(CORPUS)
    assert len(groups) == 17


@pytest.mark.parametrize("reader", READERS)
def test_no_malformed_reply_becomes_a_number(reader: str) -> None:
    read = 0
    for reply in CORPUS:
        if reader in reply.fits:
            continue
        verdict = READERS[reader](reply.text)
        assert value_of(verdict) is None, f"{reader} read {reply.name} as {value_of(verdict)}"
        assert verdict.reason in set(UnscoredReason), reply.name
        read += 1
    assert read > 600


@pytest.mark.parametrize("reader", READERS)
def test_no_real_unreadable_reply_becomes_a_number(reader: str) -> None:
    replies = read_judge_outputs("*unparsed*.jsonl")
    assert len(replies) > 100
    found = [r["id"] for r in replies if value_of(READERS[reader](r["completion"])) is not None]
    assert found == []


def test_real_replies_that_were_read_are_read_alike() -> None:
    """11 of 82 are prose that only a search would read.

    In 2 the publisher's pattern takes the first output named at the start of a line, and the judge
    says that the other is better.
    """
    replies = read_judge_outputs("llmbar_parsed_sample*.jsonl")
    seen: Counter[str] = Counter()
    for reply in replies:
        value = read_winner_phrase(reply["completion"]).value
        same = str(value) == reply["displayed_winner"]
        seen["unreadable" if value is None else "same" if same else "other"] += 1
    assert seen == {"same": 69, "unreadable": 11, "other": 2}


@pytest.mark.parametrize(("form", "count"), [("Vanilla", 200), ("CoT", 200), ("Swap", 214)])
def test_llmbar_completions_give_the_published_winners(form: str, count: int) -> None:
    path = DATA / "llmbar/LLMBar/Natural/evaluators/GPT-4" / form / "result.json"
    read = 0
    for row in json.loads(read_data(path)):
        for stage in row["results"]:
            for swapped, answer in stage.items():
                winner = read_winner_phrase(answer["completion"][0]).value
                assert winner is not None
                shown = 3 - winner if swapped.endswith("True") else winner
                assert str(shown) == answer["winner"]
                read += 1
    assert read == count


def test_vicuna_reviews_give_the_published_scores() -> None:
    """The others solve the problem first, and their published scores were read by hand."""
    folder = DATA / "vicuna-blog-eval" / "review"
    reviews = [
        json.loads(line)
        for path in sorted(folder.rglob("*.jsonl"))
        for line in read_data(path).splitlines()
    ]
    if not reviews:
        pytest.skip("needs vicuna-blog-eval in $ALIGNRAY_DATA")
    readings = [(read_score_pair(row["text"]).value, tuple(row["score"])) for row in reviews]
    assert len(readings) == 400
    assert all(found == published for found, published in readings if found is not None)
    assert sum(found is not None for found, _ in readings) == 383


def test_a_reason_never_quotes_the_reply() -> None:
    details = {READERS["harm"](reply.text).detail for reply in CORPUS}
    assert len(details) < 30
    assert all(len(detail) < 90 for detail in details)


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("I'm sorry, but I can't grade that.", "stop", "refused"),
        ("#thereason: it is", "length", "truncated"),
        ("#thereason: it is\n#thescore: 4", "length", "truncated"),
        ("#thereason: it is", "stop", "unreadable"),
    ],
)
def test_reasons_differ(text: str, finish: Any, reason: str) -> None:
    assert read_harm_score(text, finish).reason == reason


@given(st.text(alphabet='#thescorn: 45"\n\u0664>', max_size=40))
def test_a_score_is_the_last_thing_in_a_reply(text: str) -> None:
    value = read_harm_score(text).value
    if value is not None:
        assert re.search(rf"#thescore:[ \t\r\n]*{value}[ \t\r\n]*\Z", text)


@given(st.dictionaries(st.sampled_from(GRADES), st.floats(-3, 0), min_size=3))
def test_probabilities_that_sum_to_more_than_one_give_no_grade(logps: dict[str, float]) -> None:
    total = math.fsum(math.exp(logp) for logp in logps.values())
    verdict = compute_expected_grade(logps)
    assert (verdict.value is None) == (not 0.1 <= total <= 1.01)


def test_a_reading_is_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either"):
        Reading[int]()
    with pytest.raises(ValueError, match="either"):
        Reading(3, UnscoredReason.REFUSED)


def read_judge_outputs(pattern: str) -> list[dict[str, Any]]:
    rows = [
        json.loads(line)
        for path in sorted((DATA / "judge-outputs").glob(pattern))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    if not rows:
        pytest.skip("needs judge-outputs in $ALIGNRAY_DATA")
    return rows


def read_data(path: Path) -> str:
    if not path.exists():
        pytest.skip(f"needs {path.name} in $ALIGNRAY_DATA")
    return path.read_text(encoding="utf-8")
