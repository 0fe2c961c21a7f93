"""Rules that choose the better answer: PKU-SafeRLHF, SHP, StackExchange."""

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_dialogues, load_preferences, load_prompts
from tests.sources.real_data import find_data


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def safety_row(prompt, safe_0, safe_1, name):
    return {
        "prompt": prompt,
        "response_0": f"{name}0",
        "response_1": f"{name}1",
        "is_response_0_safe": safe_0,
        "is_response_1_safe": safe_1,
        "better_response_id": 1,
    }


@pytest.fixture
def safety_file(tmp_path):
    rows = [
        safety_row("p", True, False, "a"),
        safety_row("p", False, True, "b"),
        safety_row("p", True, True, "c"),
        safety_row("q", False, False, "d"),
    ]
    return write(tmp_path / "safe.jsonl", rows)


def texts(messages):
    return [message["content"] for message in messages]


def test_the_grouping_of_ambersafe(safety_file):
    """Pairs (0,1) and (2,3) of one prompt's responses; the last chosen is what SFT gets."""
    audit = SourceAudit()
    pairs = list(load_preferences(f"pku-saferlhf:{safety_file}", audit=audit))
    grouped = {}
    for pair in pairs:
        responses, places = grouped.setdefault(pair.prompt[0]["content"], ([], []))
        places.append((len(responses), len(responses) + 1))
        responses += [*texts(pair.chosen), *texts(pair.rejected)]
    assert grouped == {"p": (["a0", "a1", "b1", "b0"], [(0, 1), (2, 3)])}
    assert audit.excluded == {"both_safe": [2], "both_unsafe": [3]}
    assert pairs[0].prompt_id == pairs[1].prompt_id
    audit = SourceAudit()
    [target] = load_dialogues(f"pku-saferlhf-last:{safety_file}", audit=audit)
    assert texts(target) == ["p", "b1"]
    assert audit.rows == 4 and audit.excluded_rows == [0, 2, 3]
    assert [texts(d) for d in load_dialogues(f"pku-saferlhf:{safety_file}")] == [
        ["p", "a0"],
        ["p", "b1"],
    ]


def test_every_row_gives_its_prompt(safety_file):
    audit = SourceAudit()
    assert len(list(load_prompts(f"pku-saferlhf:{safety_file}", audit=audit))) == 4
    assert audit.repeated == [1, 2]


def test_real_rows_of_both_schemas():
    audit = SourceAudit()
    name = find_data("pku-saferlhf/text_to_text/preference/train.json")
    rows = json.loads(Path(name).read_text(encoding="utf-8"))
    pairs = list(load_preferences(f"pku-saferlhf:{name}", audit=audit))
    unequal = [row for row in rows if row["is_response_0_safe"] != row["is_response_1_safe"]]
    assert len(audit.excluded["both_unsafe"]) == 16
    assert len(pairs) == len(unequal) == 32 - len(audit.excluded_rows) > 0
    for pair, row in zip(pairs, unequal, strict=True):
        safe = 0 if row["is_response_0_safe"] else 1
        assert texts(pair.chosen) == [row[f"response_{safe}"]]
    audit = SourceAudit()
    newer = f"pku-saferlhf:{find_data('pku-saferlhf/new_schema_3rows.jsonl')}"
    assert len(list(load_prompts(newer, audit=audit))) == 3
    audit = SourceAudit()
    assert len(list(load_preferences(newer, audit=audit))) == 1
    assert audit.excluded == {"both_safe": [0, 1]}


def test_rows_with_a_rule_of_their_own_are_refused_with_its_name(safety_file):
    with pytest.raises(SourceError, match="name it pku-saferlhf:PATH"):
        list(load_preferences(str(safety_file)))
    with pytest.raises(SourceError, match="name it pku-saferlhf:PATH"):
        list(load_dialogues(str(safety_file)))


def test_labels_must_be_labels(tmp_path):
    path = write(tmp_path / "a.jsonl", [safety_row("p", "yes", False, "a")])
    with pytest.raises(SourceError, match=r"a\.jsonl:1: `is_response_0_safe` is not true or false"):
        list(load_preferences(f"pku-saferlhf:{path}"))


def voted(post, score_a, score_b, label):
    return {
        "history": post,
        "human_ref_A": f"A of {score_a}",
        "human_ref_B": f"B of {score_b}",
        "score_A": score_a,
        "score_B": score_b,
        "labels": label,
    }


def test_shp_keeps_pairs_of_a_score_ratio_of_two_or_more(tmp_path):
    rows = [voted("x", 8, 4, 1), voted("x", 3, 9, 0), voted("x", 7, 4, 1), voted("y", 5, 0, 1)]
    path = write(tmp_path / "shp.jsonl", rows)
    audit = SourceAudit()
    pairs = list(load_preferences(f"shp:{path}", audit=audit))
    assert [(texts(p.chosen), texts(p.rejected)) for p in pairs] == [
        (["A of 8"], ["B of 4"]),
        (["B of 9"], ["A of 3"]),
    ]
    assert [(p.score_chosen, p.score_rejected) for p in pairs] == [(8.0, 4.0), (9.0, 3.0)]
    assert audit.excluded == {"scores_within_twofold": [2], "score_below_one": [3]}
    assert [texts(d) for d in load_dialogues(f"shp:{path}")] == [["x", "B of 9"]]


def asked(question, *answers):
    return {
        "question": question,
        "answers": [{"text": text, "pm_score": score} for text, score in answers],
    }


def test_stack_exchange_pairs_all_answers_as_plain_text(tmp_path):
    rows = [
        asked("<p>How <b>so</b>?</p>", ("<p>one</p>", 1), ("<p>two</p>", 4), ("<p>tie</p>", 1)),
        asked("<p>Alone?</p>", ("<p>x</p>", 3)),
    ]
    path = write(tmp_path / "se.jsonl", rows)
    audit = SourceAudit()
    pairs = list(load_preferences(f"stack-exchange:{path}", audit=audit))
    assert [(texts(p.prompt), texts(p.chosen), texts(p.rejected)) for p in pairs] == [
        (["How so?"], ["two"], ["one"]),
        (["How so?"], ["two"], ["tie"]),
    ]
    assert [p.source for p in pairs] == ["se.jsonl:1#1", "se.jsonl:1#3"]
    assert audit.excluded == {"tied_scores": [1], "fewer_than_two_answers": [3]}
    assert audit.rows == 4
    assert [texts(d) for d in load_dialogues(f"stack-exchange:{path}")] == [["How so?", "two"]]


def test_the_first_hundredth_of_stack_exchange_is_its_test_set(tmp_path):
    rows = [asked(f"q{i}", ("a", 1), ("b", 2)) for i in range(250)]
    path = write(tmp_path / "se.jsonl", rows)
    test = [texts(p.prompt)[0] for p in load_preferences(f"stack-exchange-test:{path}")]
    train = [texts(p.prompt)[0] for p in load_preferences(f"stack-exchange-train:{path}")]
    assert test == ["q0", "q1"]
    assert test + train == [f"q{i}" for i in range(250)]


def test_the_paired_form_of_stack_exchange_has_the_better_answer_first():
    name = find_data("tokenizers/stack_exchange_paired_tiny.json")
    rows = json.loads(Path(name).read_text(encoding="utf-8"))
    pairs = list(load_preferences(name))
    assert len(pairs) == 25
    assert texts(pairs[7].chosen) == [rows[7]["response_j"]]
    assert texts(pairs[7].rejected) == [rows[7]["response_k"]]
    assert len(list(load_dialogues(name))) == 25
