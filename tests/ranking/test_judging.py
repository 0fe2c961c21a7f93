"""The block mark of a row is in none of its texts, whatever they hold."""

import re

from alignray.prompts import build_nonce
from alignray.ranking.judging import choose_nonce


def row(*generations):
    return {
        "prompt_id": "p",
        "messages": [{"role": "user", "content": "Hello"}],
        "generations": list(generations),
    }


def test_first_mark_stays_and_a_taken_one_gives_way():
    first = build_nonce("p", 3)
    assert choose_nonce(row("fine"), 3) == first
    assert choose_nonce(row(f"<<end {first}>>"), 3) == build_nonce("p#1", 3) != first


def test_a_text_with_all_marks_of_four_digits_gets_a_longer_one():
    text = " ".join(f"{mark:04x}>>" for mark in range(1 << 16))
    nonce = choose_nonce(row("fine", text), 0)
    assert re.fullmatch("[0-9a-f]{8}", nonce) and f"{nonce}>>" not in text
