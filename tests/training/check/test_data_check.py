"""`alignray data check`: the counts, the marks, and what it refuses."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.chat import ChatTokenizer
from alignray.cli import main
from alignray.training.check.data_check import check_data
from alignray.training.check.data_report import render_report
from alignray.training.check.token_view import (
    Piece,
    TokenSequence,
    build_pieces,
    decode_each,
    escape,
    find_slice,
    render_pieces,
)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def file(tmp_path):
    rows = [
        {"instruction": "Name a colour.", "output": "Blue."},
        {"instruction": "Nothing?", "output": " "},
        {"instruction": "Go on.", "output": "word " * 60},
    ]
    return write(tmp_path / "rows.jsonl", rows)


@pytest.fixture
def pairs(tmp_path):
    rows = [{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "Seven."}]
    return write(tmp_path / "pairs.jsonl", rows)


def test_counts_reasons_and_quantiles(file):
    report = check_data(file, None, ["max_length=100"])
    assert report.rows["rows_in"] == 3 and report.rows["rows_used"] == 1
    assert {reason: found["rows"] for reason, found in report.rows["skipped"].items()} == {
        "empty_answer": 1,
        "too_long": 1,
    }
    assert report.token_lengths["row"]["max"] > 100 >= report.token_lengths["row"]["min"]
    [row] = [row for row in report.shown if row.reason is None]
    pieces = row.views["dialogue"]
    assert report.tokens == len(pieces)
    assert report.loss_share == sum(piece.loss for piece in pieces) / len(pieces)
    assert report.settings["max_length"] == 100


def test_the_pieces_are_the_row(file):
    report = check_data(file, None, ["chat_template=hh", "rows=1"])
    [row] = report.shown
    pieces = row.views["dialogue"]
    assert "".join(piece.text for piece in pieces).startswith(
        "\n\nHuman: Name a colour.\n\nAssistant: Blue."
    )
    assert "".join(p.text for p in pieces if p.kind == "response") == " Blue."
    assert [(p.kind, p.loss) for p in pieces][-1] == ("control", True)
    assert row.roles == ("user", "assistant")


@pytest.mark.parametrize("mode", ["keep_start", "keep_end"])
def test_what_is_cut_is_shown(file, mode):
    report = check_data(file, None, ["max_length=100", f"truncation_mode={mode}"])
    [row] = [row for row in report.shown if row.truncated]
    kinds = [piece.kind for piece in row.views["dialogue"]]
    assert kinds.count("truncated") == len(kinds) - 100
    assert kinds[-1 if mode == "keep_start" else 0] == "truncated"
    assert not any(p.loss for p in row.views["dialogue"] if p.kind == "truncated")


def test_both_responses_of_a_pair(pairs):
    report = check_data(pairs, None, ["verb=dpo"])
    [row] = report.shown
    for name, text in (("chosen", "Blue."), ("rejected", "Seven.")):
        response = "".join(p.text for p in row.views[name] if p.kind == "response")
        assert response.strip() == text
    lengths = report.token_lengths
    assert lengths["row"]["max"] == lengths["prompt"]["max"] + max(
        lengths[name]["max"] for name in ("chosen", "rejected")
    )


def test_long_conversations_are_shown_in_pieces(tmp_path):
    turns = [{"from": name, "value": "some words"} for _ in range(12) for name in ("human", "gpt")]
    path = write(tmp_path / "s.jsonl", [{"conversations": turns}])
    report = check_data(f"sharegpt:{path}", None, ["max_length=120", "rows=2"])
    assert [row.name for row in report.shown] == ["row 0#1", "row 0#2"]
    assert report.rows["parts"][0]["pieces"] == report.rows["rows_used"] - 1 > 0


def test_a_mixture_of_a_configuration(tmp_path, file):
    config = tmp_path / "sft.yaml"
    config.write_text(
        json.dumps(
            {
                "output_dir": "o",
                "model_name_or_path": "pocket-base",
                "dataset_mixture": [{"dataset": file, "max_rows": 1}, {"dataset": file}],
            }
        )
    )
    report = check_data(None, str(config), [])
    assert [part["not_taken"] for part in report.rows["parts"]] == [2, 0]
    text = render_report(report, colour=False)
    assert f"  {file}: 3 rows, used 1, left out 0, not taken 2" in text
    assert check_data(file, str(config), []).rows["rows_in"] == 3


def test_the_command(file, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["data", "check", file, "max_length=100", "chat_template=hh", "rows=1"]) == 0
    out = capsys.readouterr().out
    assert "rows: 3, kept 1, left out 2 (1 empty_answer, 1 too_long)" in out
    assert "Assistant:{+ Blue.[[<|end|>]]+}" in out
    assert "\x1b" not in out
    assert main(["data", "check", file, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verb"] == "sft" and report["shown"][0]["views"]["dialogue"][0]["kind"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data"], "alignray data: nothing; expected check"),
        (["data", "chek", "x"], "alignray data: `chek`; expected check"),
        (["data", "check"], "no FILE"),
        (["data", "check", "{file}", "max_lenght=4"], "did you mean `max_length`"),
        (["data", "check", "{file}", "verb=ppo"], "`verb` is 'ppo'"),
        (["data", "check", "{file}", "rows=-1"], "`rows` is -1"),
        (["data", "check", "{file}", "chat_template=zefyr"], "did you mean `zephyr`"),
        (["data", "check", "{file}", "max_length=5"], "0 of 3 rows can be trained on"),
        (["data", "check", "{file}", "verb=dpo"], "expected chosen and rejected"),
        (["data", "check", "nowhere.jsonl"], "no such file or directory"),
    ],
)
def test_bad_input_is_one_line(file, capsys, arguments, message):
    assert main([argument.replace("{file}", file) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


# --- tokens as text ----------------------------------------------------------------------------

PIECES = [
    Piece("Hi", "prompt", False),
    Piece("<|im_end|>", "control", False),
    Piece("yes", "response", True),
    Piece("<|im_end|>", "control", True),
    Piece("gone", "truncated", False),
]


def test_marks_and_colours():
    assert render_pieces(PIECES, colour=False) == "Hi[[<|im_end|>]]{+yes[[<|im_end|>]]+}{-gone-}"
    assert render_pieces(PIECES, colour=True) == (
        "\x1b[2mHi\x1b[0m\x1b[36m<|im_end|>\x1b[0m\x1b[32myes\x1b[0m"
        "\x1b[36;1m<|im_end|>\x1b[0m\x1b[31mgone\x1b[0m"
    )


@given(st.text())
def test_nothing_that_steers_a_terminal_gets_out(text):
    shown = render_pieces([Piece(text, "response", True)], colour=False)
    controls = [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert not controls
    assert "\x1b" not in shown and "\u202e" not in shown


def test_escapes_are_readable():
    assert escape("a\x1b[31mb\r\n\tc") == "a\\x1b[31mb\\r\n\tc"


@given(text=st.text(min_size=1, max_size=40))
def test_the_texts_of_tokens_make_up_the_text(text):
    chat = ChatTokenizer.load("pocket-base")
    ids = chat.encode_content(text)
    assert "".join(decode_each(ids, chat.tokenizer)) == chat.tokenizer.decode(
        ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    assert len(decode_each(ids, chat.tokenizer)) == len(ids)


def test_a_literal_control_word_in_a_text_is_not_a_control_token():
    chat = ChatTokenizer.load("pocket-base")
    messages = [
        {"role": "user", "content": "What is <|end|>?"},
        {"role": "assistant", "content": "An end."},
    ]
    dialogue = chat.encode_dialogue(messages)
    loss = [bool(counts) for counts in dialogue.loss_mask]
    whole = TokenSequence(dialogue.input_ids, loss)
    pieces = build_pieces(whole, whole, chat.tokenizer, chat.control_ids)
    shown = render_pieces(pieces, colour=False)
    assert "What is <|end|>?" in shown and "An end.[[<|end|>]]+}" in shown


def test_find_slice():
    assert find_slice([1, 2, 3, 2, 3], [2, 3]) == (1, 3)
    assert find_slice([1, 2], [1, 2]) == (0, 2)
    with pytest.raises(ValueError, match="no part"):
        find_slice([1, 2], [2, 1])
