"""Text of others made fit to show: nothing invisible, nothing endless; pure.

Escaping is not done here (templates, `svg.py`, `markdown.py` and `spreadsheet.py` do it), and this
does not stand in for it: what is cleaned here would be harmless, yet mislead a reader (text that
turns its direction, hides characters, or is a megabyte long) or break a file (half a surrogate).
"""

from __future__ import annotations

import re

MAX_CHARS = 2500
"""Longest text in one place of a report; what is cut is said."""
_URL_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_BREAKS = re.compile("[ \t\n\u2028\u2029]+")
_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
_CONTROLS |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
_UNSEEN = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C]
"""Characters that set the direction of the text around them (Unicode's UAX 9)."""
_UNSEEN += [0x200B, 0x2060, 0xFEFF, *range(0xE0000, 0xE0080)]
"""And those without width, and the tags that spell text unseen."""
_TABLE = {
    **_CONTROLS,
    **{code: f"[U+{code:04X}]" for code in _UNSEEN},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


def clean_text(text: str, limit: int = MAX_CHARS) -> str:
    r"""Controls as their pictures, marks of direction and of no width by name, length cut.

    >>> clean_text("a\0b\u202ec")
    'a␀b[U+202E]c'
    """
    cut = text[:limit]
    left = len(text) - len(cut)
    cleaned = cut.replace("\r\n", "\n").translate(_TABLE)
    return f"{cleaned}… ({left:,} more characters)" if left else cleaned


def clean_line(text: str, limit: int = 200) -> str:
    """As `clean_text`, on one line."""
    return _BREAKS.sub(" ", clean_text(text, limit)).strip(" ")


def hide_secrets(text: str) -> str:
    """The text without user names and passwords in URLs."""
    return _URL_SECRET.sub("***@", text)
