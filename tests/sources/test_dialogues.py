import json

import pytest

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_dialogues

USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}


def load(tmp_path, *rows, audit=None):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(load_dialogues(str(path), audit=audit))


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, ANSWER]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        {"prompt": "Hi", "completion": "Hello"},
        {"prompt": [USER], "completion": [ANSWER]},
        {"instruction": "Hi", "input": "", "output": "Hello"},
        {"instruction": "Hi", "context": "", "response": "Hello"},
        {"question": "Hi", "answer": "Hello"},
        {"text": "\n\nHuman: Hi\n\nAssistant: Hello"},
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
            "rejected": "\n\nHuman: Hi\n\nAssistant: No",
        },
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        [USER, ANSWER],
    ],
)
def test_forms(tmp_path, row):
    assert load(tmp_path, row) == [[USER, ANSWER]]


def test_plain_text_is_all_answer(tmp_path):
    assert load(tmp_path, {"text": "Once."}) == [[{"role": "assistant", "content": "Once."}]]


def test_dialogues_without_an_answer_are_left_out_and_listed(tmp_path):
    audit = SourceAudit()
    rows = [
        {"messages": [USER, ANSWER]},
        {"messages": [USER]},
        {"prompt": "Hi", "completion": " "},
    ]
    assert len(load(tmp_path, *rows, audit=audit)) == 1
    assert audit.excluded == {"no_final_answer": [1], "empty_answer": [2]}


def test_unknown_columns(tmp_path):
    with pytest.raises(
        SourceError, match=r"a.jsonl:1: columns a; expected messages, conversations, text"
    ):
        load(tmp_path, {"a": 1})
    with pytest.raises(SourceError, match="no row left of 1"):
        load(tmp_path, {"messages": [USER]})


def test_a_pairs_directory_gives_its_best_responses(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"messages": [[USER, ANSWER]]}), tmp_path / "data" / "sft.parquet")
    pq.write_table(pa.table({"prompt": ["x"]}), tmp_path / "data" / "train.parquet")
    assert list(load_dialogues(str(tmp_path))) == [[USER, ANSWER]]


def test_the_system_prompt_of_orca_is_kept(tmp_path):
    row = {"id": "cot.1", "system_prompt": "Be brief.", "question": "Why?", "response": "So."}
    blank = {"id": "cot.2", "system_prompt": "", "question": "How?", "response": "Thus."}
    path = tmp_path / "orca.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(blank) + "\n")
    assert list(load_dialogues(str(path))) == [
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So."},
        ],
        [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "Thus."}],
    ]


def test_chosen_messages_without_a_prompt_are_a_whole_dialogue(tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"chosen": turns, "rejected": turns}) + "\n")
    assert list(load_dialogues(str(path))) == [turns]
