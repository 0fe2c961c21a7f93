"""What counts as garbled, and what must not."""

import pytest

from alignray.evaluation.garble import is_garbled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "...",
        "?!?! ??",
        "\ufffd\ufffd tea",
        "@@@ ~~~ ^^^ a",
        "the the " * 10,
        "so it is " * 9,
    ],
)
def test_broken_text_is_garbled(text):
    assert is_garbled(text)


@pytest.mark.parametrize(
    "text",
    [
        "No.",
        "42",
        "First boil the water, then steep the leaves for three minutes.",
        "I am sorry, but I cannot help with that.",
        "x = [1, 2, 3]; y = sum(x) / len(x)  # 2.0",
        "Zuerst das Wasser kochen.",
        "先烧水，再泡茶。",
        "one two three four five six seven eight nine ten eleven twelve thirteen",
        "Yes yes yes!",
    ],
)
def test_sound_text_is_not(text):
    assert not is_garbled(text)
