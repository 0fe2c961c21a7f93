import json

import pytest

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_prompts, write_prompts
from alignray.sources.prompt_ids import PromptIds, compute_prompt_id


def user(text):
    return [{"role": "user", "content": text}]


def load(tmp_path, *rows, name="a.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(load_prompts(str(path)))


CONVERSATION = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "How?"},
]
ANSWER = {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": " Hi\n"}, user(" Hi\n")),
        ({"prompt": CONVERSATION}, CONVERSATION),
        ({"prompt": [*CONVERSATION, ANSWER]}, CONVERSATION),
        (
            {"prompt": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:"},
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ],
        ),
        ({"messages": [*CONVERSATION, ANSWER]}, CONVERSATION),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "a"}, {"type": "text", "value": "b"}],
                    }
                ]
            },
            user("ab"),
        ),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
            user("a"),
        ),
        (
            {"instruction": "Sum up.", "input": "Long text", "output": "x"},
            user("Sum up.\n\nLong text"),
        ),
        ({"instruction": "Sing.", "input": "  "}, user("Sing.")),
        ({"instruction": "Sum up.", "context": "Long"}, user("Sum up.\n\nLong")),
        ({"question": "Why?"}, user("Why?")),
        ({"Question": "Why?", "Answer": "So."}, user("Why?")),
        ({"Behavior": "x"}, user("x")),
        ({"goal": "x", "target": "y"}, user("x")),
        ({"prompt": None, "question": "Why?"}, user("Why?")),
        (
            {
                "chosen": [*user("a"), ANSWER],
                "rejected": [*user("a"), {"role": "assistant", "content": "z"}],
            },
            user("a"),
        ),
    ],
)
def test_shapes(tmp_path, row, expected):
    [prompt] = load(tmp_path, row)
    assert prompt.messages == expected
    assert json.loads(prompt.original) == row
    assert prompt.row == 0 and prompt.source == "a.jsonl:1"
    assert prompt.prompt_id == compute_prompt_id(expected)


def test_optional_columns(tmp_path):
    [a, b, c] = load(
        tmp_path,
        {"prompt": "a", "prompt_id": "x1", "subset": "harmful", "category": "Malware"},
        {"prompt": "b", "id": 17, "subset": "", "Category": 3},
        {"prompt": "c", "id": None},
    )
    assert (a.prompt_id, a.subset, a.category) == ("x1", "harmful", "Malware")
    assert (b.prompt_id, b.subset, b.category) == ("17", "default", "3")
    assert (c.prompt_id, c.subset, c.category) == (compute_prompt_id(user("c")), "default", None)


@pytest.mark.parametrize(
    ("row", "found", "expected"),
    [
        ({"text": "x", "label": 1}, "columns text, label", "prompt, messages"),
        ({}, "a row without columns", "prompt"),
        ({"prompt": 7}, "`prompt` is of type int", "a text"),
        ({"prompt": ""}, "an empty prompt", "text"),
        ({"prompt": " \n"}, "an empty prompt", "text"),
        ({"prompt": []}, "`prompt` is an empty list", "a list of messages"),
        ({"prompt": {"a": 1}}, "`prompt` is an object", "a text"),
        ({"messages": [ANSWER]}, "does not end with a user turn", "a prompt"),
        (
            {"messages": [{"role": "wizard", "content": "x"}]},
            "`messages[0]` has an unknown role",
            "user",
        ),
        ({"messages": [{"role": "user", "content": None}]}, "`messages[0]` is null", "a text"),
        ({"messages": ["x"]}, "`messages[0]` is a text", "an object"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]},
            "a part that is not text",
            "text parts",
        ),
        ({"prompt": "\ud800"}, "half a surrogate pair", "valid Unicode"),
        ({"prompt": "x", "category": ["a"]}, "`category` is a list", "a text"),
        ({"prompt": "x", "id": 1.5}, "`prompt_id` is of type float", "a text"),
    ],
)
def test_faults_name_the_line(tmp_path, row, found, expected):
    with pytest.raises(SourceError) as caught:
        load(tmp_path, {"prompt": "fine"}, row)
    assert caught.value.where == f"{tmp_path}/a.jsonl:2"
    assert found in caught.value.found
    assert expected in caught.value.expected


def test_a_headerless_file_is_refused_without_quoting_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Tell me how one bakes a cake with nuts and honey,x\nanother,y\n")
    with pytest.raises(SourceError) as caught:
        list(load_prompts(str(path)))
    assert "cake" not in str(caught.value)
    assert "<text of 48 characters>" in caught.value.found


def test_repeated_content_and_repeated_ids(tmp_path):
    rows = [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}, {"prompt": "a"}]
    audit = SourceAudit()
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ids = [prompt.prompt_id for prompt in load_prompts(str(path), audit=audit)]
    base = compute_prompt_id(user("a"))
    assert ids == [base, compute_prompt_id(user("b")), f"{base}-2", f"{base}-3"]
    assert audit.repeated == [2, 3] and audit.rows == 4
    with pytest.raises(SourceError, match=r"a.jsonl:3: prompt_id of row 2 is that of row 0"):
        load(tmp_path, {"prompt": "a", "id": "x"}, {"prompt": "b"}, {"prompt": "c", "id": "x"})


def test_ids_are_the_same_in_every_file_and_unlike_for_unlike_messages(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("Hi\n")
    [from_text] = load_prompts(str(path))
    [from_json] = load(tmp_path, {"messages": user("Hi")})
    assert from_text.prompt_id == from_json.prompt_id == "708887bbe6ef7beb"  # BLAKE2b of user:2:Hi
    # Content cannot imitate a boundary between messages.
    one = user("a" + "user:1:b")
    two = [*user("a"), *user("b")]
    assert compute_prompt_id(one) != compute_prompt_id(two)


def test_a_given_id_may_look_like_a_hash():
    ids = PromptIds()
    base = compute_prompt_id(user("a"))
    ids.take_given(f"{base}-2", 0, "f:1")
    assert ids.take_hash(user("a"), 1) == (base, False)
    assert ids.take_hash(user("a"), 2) == (f"{base}-3", True)


def test_own_output_keeps_source_and_original(tmp_path):
    first = load(tmp_path, {"prompt": "a", "x": 1}, {"prompt": "b", "subset": "s"})
    write_prompts(first, tmp_path / "out")
    assert list(load_prompts(str(tmp_path / "out"))) == first


def test_prompts_come_while_the_file_is_still_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a"}\n' * 50_000 + "broken\n")
    stream = load_prompts(str(path))
    assert sum(1 for _ in zip(range(49_999), stream, strict=False)) == 49_999
    with pytest.raises(SourceError, match=r"a\.jsonl:50001: not JSON"):
        list(stream)


def test_pocket():
    train = list(load_prompts("pocket:train"))
    assert [prompt.row for prompt in train] == list(range(len(train)))
    assert {prompt.subset for prompt in train} == {"harmful", "benign", "lookalike"}
    assert all((prompt.category is not None) == (prompt.subset == "harmful") for prompt in train)
    evaluation = {prompt.prompt_id for prompt in load_prompts("pocket:eval")}
    assert len(evaluation) == 750
    assert evaluation.isdisjoint(prompt.prompt_id for prompt in train)
    with pytest.raises(SourceError, match="pocket:nope: no such split"):
        list(load_prompts("pocket:nope"))
