"""What is made fit to show, and what is said of what was cut."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.reports.text import clean_line, clean_text, hide_secrets


def test_what_is_unseen_is_named_and_the_rest_is_left():
    assert clean_text("a\0b\x1b\x7f\x85") == "a␀b␛␡\ufffd"
    assert clean_text("\u202eabc\u2066\u200f\u200b\ufeff") == (
        "[U+202E]abc[U+2066][U+200F][U+200B][U+FEFF]"
    )
    assert clean_text("שלום, naïve 日本 😀\r\nnext\ttab") == "שלום, naïve 日本 😀\nnext\ttab"
    assert clean_text("\ud800x") == "\ufffdx"


@pytest.mark.parametrize(
    "code",
    [
        0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200C, 0x200D, 0x2061, 0x2064,
        0x206F, 0x2800, 0x3164, 0xFE0F, 0xFFA0, 0xFFF9, 0x110BD, 0x1D173, 0xE0001, 0xE0100, 0xE0FFF,
    ],
)  # fmt: skip
def test_nothing_invisible_is_left(code):
    assert clean_text(f"a{chr(code)}b") == f"a[U+{code:04X}]b"


def test_every_format_of_unicode_is_named_and_letters_and_marks_are_left():
    for code in range(0x110000):
        category, shown = unicodedata.category(chr(code)), clean_text(chr(code))
        if category == "Cf":
            assert shown == f"[U+{code:04X}]"
        elif category[0] in "LNPSZ" and category != "Lo" and code != 0x2800:
            assert shown == chr(code)
    assert clean_text("e\u0301 क्षि 한국어 \ufffe") == "e\u0301 क्षि 한국어 \ufffd"


def test_what_is_cut_is_said():
    assert clean_text("x" * 1_000_000, 10) == "x" * 10 + "… (999,990 more characters)"


def test_a_line_is_one_line():
    assert clean_line(" a\n\n b\u2028c\td ") == "a b c d"
    assert clean_line("7\N{NO-BREAK SPACE}%") == "7\N{NO-BREAK SPACE}%"


@given(st.text(st.characters()))
def test_all_that_is_left_can_be_written_and_has_no_control(text):
    cleaned = clean_text(text, 100)
    cleaned.encode("utf-8")
    assert not [c for c in cleaned if ord(c) < 32 and c not in "\n\t"]


def test_passwords_leave_urls():
    assert hide_secrets("http://me:pw@host/x a@b") == "http://***@host/x a@b"
