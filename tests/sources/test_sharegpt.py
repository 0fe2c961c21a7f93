import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.errors import SourceError
from alignray.sources import (
    SourceAudit,
    load_dialogues,
    load_preferences,
    split_dialogue,
    splits_long_dialogues,
)
from alignray.sources.sharegpt import trim_dialogue
from tests.sources.real_data import find_data

NAMES = {"s": "system", "u": "user", "a": "assistant"}


def dialogue(turns):
    return [{"role": NAMES[turn], "content": f"{turn}{i}"} for i, turn in enumerate(turns)]


def count(messages):
    """Ten tokens a turn, five for the template."""
    return 5 + 10 * len(messages)


@pytest.mark.parametrize(
    ("turns", "kept"),
    [
        ("ua", "u0 a1"),
        ("aua", "u1 a2"),
        ("saua", "s0 u2 a3"),
        ("uauu", "u0 a1"),
        ("sua", "s0 u1 a2"),
        ("a", ""),
        ("u", ""),
        ("su", ""),
        ("", ""),
    ],
)
def test_trimmed_to_the_first_question_and_the_last_answer(turns, kept):
    assert " ".join(m["content"] for m in trim_dialogue(dialogue(turns))) == kept


def test_split_between_exchanges_with_the_system_prompt_in_each_piece():
    pieces = split_dialogue(dialogue("suauaua"), count, max_tokens=55)
    assert [[m["content"] for m in piece] for piece in pieces] == [
        ["s0", "u1", "a2", "u3", "a4"],
        ["s0", "u5", "a6"],
    ]


def test_a_short_dialogue_stays_whole():
    assert split_dialogue(dialogue("uaua"), count, 45) == [dialogue("uaua")]


def test_an_exchange_that_is_too_long_is_a_piece_of_its_own():
    assert [len(piece) for piece in split_dialogue(dialogue("uauaua"), count, 10)] == [2, 2, 2]


@given(
    exchanges=st.lists(st.sampled_from(["ua", "uaa", "uua"]), min_size=1, max_size=12),
    system=st.booleans(),
    limit=st.integers(5, 200),
)
def test_nothing_is_lost_and_no_piece_could_take_the_next_exchange(exchanges, system, limit):
    whole = dialogue("s" * system + "".join(exchanges))
    pieces = split_dialogue(whole, count, limit)
    bare = [piece[system:] for piece in pieces]
    assert whole[:system] + [turn for piece in bare for turn in piece] == whole
    for piece, following in zip(pieces, bare[1:], strict=False):
        assert piece[-1]["role"] == "assistant" and following[0]["role"] == "user"
        roles = "".join(turn["role"][0] for turn in following)
        exchange = roles.index("au") + 1 if "au" in roles else len(roles)
        assert count([*piece, *following[:exchange]]) > limit


def test_real_rows_break_the_form_and_are_counted(tmp_path):
    def turns(*names):
        return {"conversations": [{"from": n, "value": f"{n} {i}"} for i, n in enumerate(names)]}

    rows = [
        turns("human", "gpt"),
        {"id": "x", "conversations": []},
        turns("gpt", "human", "bing"),
        turns("human", "human", "gpt"),
        {**turns("user", "chatgpt"), "system": "Be kind."},
    ]
    path = tmp_path / "s.json"
    path.write_text(json.dumps(rows))
    audit = SourceAudit()
    found = list(load_dialogues(f"sharegpt:{path}", audit=audit))
    assert [[m["role"] for m in d] for d in found] == [
        ["user", "assistant"],
        ["user", "assistant"],
        ["system", "user", "assistant"],
    ]
    assert audit.rows == 5
    assert audit.excluded == {"no_exchange": [1], "repeated_role": [3]}
    assert audit.noted == {"trimmed_turns": [2]}


def test_only_this_source_splits():
    assert splits_long_dialogues("sharegpt:x.json")
    assert not splits_long_dialogues("x.json")
    with pytest.raises(SourceError, match="without preferences"):
        load_preferences("sharegpt:x.json")


def test_a_real_file():
    [messages] = load_dialogues(f"sharegpt:{find_data('tokenizers/chat_tiny.json')}")
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user", "assistant"]
