import json

import pytest

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_preferences
from alignray.sources.prompt_ids import compute_prompt_id

USER = {"role": "user", "content": "What colour is the sky?"}
BLUE = {"role": "assistant", "content": "Blue."}
GREEN = {"role": "assistant", "content": "Green."}
SHAREGPT = {"from": "human", "value": USER["content"]}


def load(tmp_path, *rows, audit=None):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(load_preferences(str(path), audit=audit))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": USER["content"], "chosen": "Blue.", "rejected": "Green."},
        {"prompt": [USER], "chosen": [BLUE], "rejected": [GREEN]},
        {"chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": USER["content"], "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": [USER], "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": [USER], "chosen": BLUE, "rejected": GREEN},
        {"instruction": USER["content"], "input": "", "chosen": "Blue.", "rejected": "Green."},
        {"question": USER["content"], "chosen": "Blue.", "rejected": "Green."},
        {
            "conversations": [SHAREGPT],
            "chosen": {"from": "gpt", "value": "Blue."},
            "rejected": {"from": "gpt", "value": "Green."},
        },
        {"chosen_messages": [USER, BLUE], "rejected_messages": [USER, GREEN]},
        {
            "prompt": f"\n\nHuman: {USER['content']}\n\nAssistant:",
            "chosen": " Blue.",
            "rejected": " Green.",
        },
    ],
)
def test_forms(tmp_path, row):
    [preference] = load(tmp_path, row)
    assert preference.prompt == [USER]
    assert preference.chosen == [BLUE]
    assert preference.rejected == [GREEN]
    assert preference.prompt_id == compute_prompt_id([USER])
    assert preference.source == "a.jsonl:1"


def test_implicit_texts_are_cut_as_trl_does(tmp_path):
    [preference] = load(tmp_path, {"chosen": "The sky is blue.", "rejected": "The sky is green."})
    assert preference.prompt == [{"role": "user", "content": "The sky is"}]
    assert preference.chosen == [{"role": "assistant", "content": " blue."}]


def test_multi_turn_answers_share_their_turns(tmp_path):
    more = {"role": "user", "content": "Why?"}
    [preference] = load(
        tmp_path, {"chosen": [USER, BLUE, more, BLUE], "rejected": [USER, BLUE, more, GREEN]}
    )
    assert preference.prompt == [USER, BLUE, more]


def test_scores_models_and_labels(tmp_path):
    [preference] = load(
        tmp_path,
        {
            "prompt": "p",
            "chosen": "a",
            "rejected": "b",
            "score_chosen": 4,
            "score_rejected": "1.5",
            "chosen_model": "m",
            "rejected_model": None,
            "subset": "s",
            "category": "c",
            "prompt_id": "x",
        },
    )
    assert (preference.score_chosen, preference.score_rejected) == (4.0, 1.5)
    assert (preference.chosen_model, preference.rejected_model) == ("m", None)
    assert (preference.subset, preference.category, preference.prompt_id) == ("s", "c", "x")


def test_pairs_that_teach_nothing_are_left_out_and_listed(tmp_path):
    audit = SourceAudit()
    rows = [
        {"prompt": "p", "chosen": "a", "rejected": "b"},
        {"prompt": "p", "chosen": "a", "rejected": "a"},
        {"prompt": "p", "chosen": " ", "rejected": "b"},
        {"prompt": [USER], "chosen": [BLUE], "rejected": [USER]},
    ]
    assert len(load(tmp_path, *rows, audit=audit)) == 1
    assert audit.excluded == {
        "identical_answers": [1],
        "empty_chosen": [2],
        "rejected_is_no_answer": [3],
    }
    assert audit.to_metrics()["excluded"]["count"] == 3


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"prompt": "p", "chosen": "a"}, "columns prompt, chosen"),
        (
            {"prompt": "p", "chosen": "a", "rejected": [GREEN]},
            "one answer a text, the other messages",
        ),
        ({"prompt": "p", "chosen": 1, "rejected": 2}, "`chosen` is of type int"),
        ({"chosen": [BLUE], "rejected": [GREEN]}, "does not end with a user turn"),
        ({"chosen": "abc", "rejected": "xyz"}, "an empty prompt"),
        (
            {"prompt": "p", "chosen": "a", "rejected": "b", "score_chosen": "high"},
            "`score_chosen` is not a number",
        ),
    ],
)
def test_faults_name_the_line(tmp_path, row, found):
    with pytest.raises(SourceError) as caught:
        load(tmp_path, {"prompt": "p", "chosen": "a", "rejected": "b"}, row)
    assert caught.value.where.endswith("a.jsonl:2")
    assert found in caught.value.found


def test_sources_without_preferences():
    with pytest.raises(SourceError, match="sharegpt:a: a source without preferences"):
        load_preferences("sharegpt:a")
