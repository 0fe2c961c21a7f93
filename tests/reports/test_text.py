"""What is made fit to show, and what is said of what was cut."""

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
