import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_dialogues, load_preferences, load_prompts
from alignray.sources.hh_rlhf import (
    drop_last_paragraph,
    parse_turns,
    split_common_prefix,
    split_dialogues,
    split_nothing,
    split_rfind,
    split_turns,
)
from tests.sources.real_data import find_data

REAL = "hh-rlhf/harmless-base/test.jsonl.gz"
CHOSEN = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: It is so.\n\nTruly."
REJECTED = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: It is not."


def test_turns():
    pair = split_turns(CHOSEN, REJECTED)
    assert pair.faults == ()
    assert pair.prompt == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert pair.chosen == [{"role": "assistant", "content": "It is so.\n\nTruly."}]
    assert pair.rejected == [{"role": "assistant", "content": "It is not."}]


@pytest.mark.parametrize(
    ("chosen", "rejected", "faults"),
    [
        ("\n\nHuman: a\n\nAssistant:", "\n\nHuman: a\n\nAssistant: b", {"empty_chosen"}),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: ", {"empty_rejected"}),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: x\n\nAssistant: c", {"different_prompts"}),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: b ", {"identical_answers"}),
        (
            "\n\nHuman: a\n\nHuman: b\n\nAssistant: c",
            "\n\nHuman: a\n\nHuman: b\n\nAssistant: d",
            {"repeated_role_chosen", "repeated_role_rejected"},
        ),
        (
            "\n\nHuman: a\n\nAssistant: b\n\nHuman: c",
            "\n\nHuman: a\n\nAssistant: d",
            {"text_after_last_answer"},
        ),
        ("\n\nHuman: a", "\n\nHuman: a\n\nAssistant: d", {"no_assistant_turn"}),
        ("\n\nAssistant: a", "\n\nAssistant: b", {"empty_prompt"}),
        (
            "Hello",
            "\n\nHuman: a\n\nAssistant: d",
            {"no_assistant_turn", "different_prompts", "empty_prompt"},
        ),
    ],
)
def test_faults(chosen, rejected, faults):
    assert set(split_turns(chosen, rejected).faults) == faults


def test_blank_lines_before_the_first_turn_do_not_matter():
    assert split_turns(CHOSEN.strip(), REJECTED.strip()) == split_turns(CHOSEN, REJECTED)


def test_rfind_cuts_the_rejected_string_at_the_same_length():
    split = split_rfind(CHOSEN, REJECTED)
    assert split.prompt == "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:"
    assert split.chosen == " It is so.\n\nTruly."
    assert split.rejected == " It is not."
    # The defect: another prompt in the rejected string is cut in the middle of a word.
    assert split_rfind(
        "\n\nHuman: a\n\nAssistant: b", "\n\nHuman: abcdef\n\nAssistant: b"
    ).rejected.startswith("tant:")


def test_common_prefix_takes_words_of_the_answer():
    split = split_common_prefix(CHOSEN, REJECTED)
    assert split.prompt.endswith("Assistant: It is")
    assert (split.chosen, split.rejected) == (" so.\n\nTruly.", " not.")


def test_no_split_dialogues_are_one_text_each(tmp_path):
    path = tmp_path / "a.jsonl"
    text = "\n\nHuman: Hi\n\nAssistant: Hello"
    path.write_text(json.dumps({"chosen": text, "rejected": text}) + "\n")
    (dialogue,) = load_dialogues(f"hh-rlhf-no-split:{path}")
    assert dialogue == [{"role": "assistant", "content": text}]
    assert len(next(load_dialogues(f"hh-rlhf:{path}"))) == 2


def test_no_split_and_paragraph_drop():
    assert split_nothing(CHOSEN, REJECTED) == ("", CHOSEN, REJECTED)
    assert drop_last_paragraph(REJECTED) == "Human: a\n\nAssistant: b\n\nHuman: c"
    # The defect: an answer with a blank line stays.
    assert drop_last_paragraph(CHOSEN) == "\n\n".join(CHOSEN.strip().split("\n\n"))


TURN = st.tuples(st.sampled_from(["Human", "Assistant"]), st.text("ab \n:", max_size=8))


@given(st.lists(TURN, max_size=6), st.lists(TURN, max_size=6))
def test_any_dialogue_is_split_or_has_faults(chosen_turns, rejected_turns):
    chosen, rejected = (
        "".join(f"\n\n{role}: {text}" for role, text in turns)
        for turns in (chosen_turns, rejected_turns)
    )
    for mode in ("turns", "rfind", "common_prefix", "no_split", "paragraph_drop"):
        pair = split_dialogues(chosen, rejected, mode)
        if mode == "turns" and not pair.faults:
            roles = [turn["role"] for turn in pair.prompt]
            assert (
                roles
                == (["assistant"] * (len(roles) % 2 == 0) + ["user", "assistant"] * len(roles))[
                    : len(roles)
                ]
            )
            assert roles[-1] == "user"
            assert [*pair.prompt, *pair.chosen] == parse_turns(chosen)
            assert [*pair.prompt, *pair.rejected] == parse_turns(rejected)
        if mode in ("rfind", "common_prefix", "no_split"):
            prompt = pair.prompt[0]["content"] if pair.prompt else ""
            assert prompt + pair.chosen[0]["content"] == chosen


@pytest.mark.heavy
@settings(deadline=None)
@given(
    st.text("ab ", max_size=6),
    st.text("ab ", min_size=1, max_size=6),
    st.text("ab ", min_size=1, max_size=6),
)
def test_common_prefix_is_that_of_trl(head, chosen, rejected):
    from trl.data_utils import extract_prompt

    head = f"x{head}"
    ours = split_common_prefix(head + chosen, head + rejected)
    assert ours._asdict() == extract_prompt({"chosen": head + chosen, "rejected": head + rejected})


def test_the_malformed_rows_of_the_real_file_are_listed():
    audit = SourceAudit()
    prompts = list(load_prompts(find_data(REAL), audit=audit))
    assert audit.rows == 2312
    assert audit.excluded == {
        "empty_chosen": [86, 516, 925, 1103],
        "repeated_role_chosen": [667, 763, 1254, 1319, 1688, 1849, 1952, 2036],
        "repeated_role_rejected": [667, 763, 1319, 1849, 1950],
        "different_prompts": [1254, 1688, 1950, 1952, 2036],
    }
    assert len(prompts) == 2312 - 13 == audit.to_metrics()["kept"]
    assert len(audit.repeated) == 2
    assert [prompt.row for prompt in prompts] == list(range(len(prompts)))
    assert all(prompt.messages[-1]["role"] == "user" for prompt in prompts)
    assert prompts[86].source == "test.jsonl.gz:88"  # row 86 is left out
    by_name = list(load_prompts(f"hh-rlhf:{find_data(REAL)}"))
    assert by_name == prompts


def test_preferences_of_the_real_file():
    audit = SourceAudit()
    preferences = list(load_preferences(find_data(REAL), audit=audit))
    assert len(preferences) == 2299
    assert len({preference.prompt_id for preference in preferences}) == 2297
    assert all(p.chosen != p.rejected and p.chosen[0]["content"] for p in preferences)


@pytest.mark.parametrize(
    ("mode", "in_prompt"), [("rfind", 0), ("common-prefix", 444), ("no-split", 0)]
)
def test_compatibility_modes_keep_every_row_and_note_faults(mode, in_prompt):
    audit = SourceAudit()
    rows = list(load_preferences(f"hh-rlhf-{mode}:{find_data(REAL)}", audit=audit))
    assert len(rows) == 2312 and not audit.excluded
    assert len(audit.noted.get("answer_in_prompt", [])) == in_prompt
    assert audit.noted["empty_chosen"] == [86, 516, 925, 1103]


def test_rfind_cuts_garbage_in_four_rows():
    with gzip.open(find_data(REAL), "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    bad = [i for i, r in enumerate(rows) if not r["rejected"].startswith(split_rfind(**r).prompt)]
    assert bad == [1254, 1688, 1952, 2036]
    splits = [split_common_prefix(**row) for row in rows]
    assert (
        sum(len(s.prompt) > len(split_rfind(**r).prompt) for s, r in zip(splits, rows, strict=True))
        == 444
    )


def test_the_evaluation_prompts_of_reference_system_2():
    with gzip.open(find_data(REAL), "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    wanted = [
        i
        for i, row in enumerate(rows)
        if any(w in row["chosen"] for w in ("kill", "murder", "rape"))
    ]
    assert len(wanted) == 192
    prompts = list(load_prompts(f"hh-rlhf-paragraph-drop:{find_data(REAL)}"))
    for i in wanted:
        assert prompts[i].messages == [
            {"role": "user", "content": drop_last_paragraph(rows[i]["chosen"])}
        ]
    # The stored prompts of that system have the same form: no blank lines before, no `Assistant:`.
    path = Path(find_data("seed2-opt350m/data/prompts/helpful_prompts.json"))
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert all(text.startswith("Human: ") for text in stored)
    assert not any(text.endswith("Assistant:") for text in stored)


def test_what_a_mode_does_not_give(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"chosen": CHOSEN, "rejected": REJECTED}))
    with pytest.raises(SourceError, match="a split without prompts"):
        list(load_prompts(f"hh-rlhf-no-split:{path}"))
    with pytest.raises(SourceError, match="a split without answers"):
        list(load_preferences(f"hh-rlhf-paragraph-drop:{path}"))
    [dialogue] = load_dialogues(str(path))
    assert [message["role"] for message in dialogue] == ["user", "assistant"] * 2


def test_rows_that_are_no_dialogues(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"chosen": CHOSEN, "rejected": None}))
    with pytest.raises(SourceError, match=r"a.jsonl:1: `rejected` is null"):
        list(load_preferences(f"hh-rlhf:{path}"))
    path.write_text(json.dumps({"chosen": CHOSEN, "rejected": CHOSEN}))
    with pytest.raises(SourceError, match=r"no row left of 1 \(1 identical_answers\)"):
        list(load_preferences(str(path)))
