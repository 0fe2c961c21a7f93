"""Text of others made fit to show: nothing invisible, nothing endless; pure.

Escaping is not done here (templates, `svg.py`, `markdown.py` and `spreadsheet.py` do it), and this
does not stand in for it: what is cleaned here would be harmless, yet mislead a reader (text that
turns its direction, hides characters, or is a megabyte long) or break a file (half a surrogate).
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 2500
"""Longest text in one place of a report; what is cut is said."""
_URL_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_BREAKS = re.compile("[ \t\n\u2028\u2029]+")
_IGNORABLE = (
    0x034F, *range(0x115F, 0x1161), *range(0x17B4, 0x17B6), *range(0x180B, 0x1810), 0x2065, 0x2800,
    0x3164, *range(0xFE00, 0xFE10), 0xFFA0, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
)  # fmt: skip
"""Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties that is not of category Cf, and
the empty pattern of Braille."""
_UNSEEN = frozenset(_IGNORABLE)


class _Table(dict[int, str | int]):
    """Code point -> what is shown, worked out when it is first met."""

    def __missing__(self, code: int) -> str | int:
        self[code] = shown = _show(code)
        return shown


def _show(code: int) -> str | int:
    category = unicodedata.category(chr(code))
    if category == "Cc":
        if chr(code) in "\t\n":
            return code
        return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
    if category == "Cs" or code in (0xFFFE, 0xFFFF):  # neither UTF-8 nor XML can hold these
        return "\ufffd"
    return f"[U+{code:04X}]" if category == "Cf" or code in _UNSEEN else code


_TABLE = _Table()


def clean_text(text: str, limit: int = MAX_CHARS) -> str:
    r"""Controls as their pictures, what is invisible by its code point, length cut.

    Invisible are the formats of Unicode (category Cf: marks of direction, joiners, tags) and what
    a font may ignore (variation selectors, fillers), wherever they stand.

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
