"""HTML -> plain text: tags go, what they enclose stays.

Paragraphs are parted by blank lines; white space is joined as a browser would, but for code blocks.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = {
    "p", "div", "pre", "blockquote", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
}  # fmt: skip
_LINES = {"br", "li", "tr"}
_HIDDEN = {"script", "style"}


def strip_html(html: str) -> str:
    r"""The text of an HTML fragment.

    Example: `<p>One <b>two</b>.</p><pre><code>x = 1\n</code></pre>` gives `One two.\n\nx = 1`.
    """
    parser = _TextParser()
    parser.feed(html)
    parser.close()
    text = "".join(parser.pieces)
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._code = 0
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a paragraph or a line."""
        self._code += tag == "pre"
        self._hidden += tag in _HIDDEN
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        """Ends a paragraph."""
        self._code = max(0, self._code - (tag == "pre"))
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BLOCKS:
            self._separate(tag)

    def handle_data(self, data: str) -> None:
        """Takes text; outside code, white space is one space."""
        if self._hidden:
            return
        if not self._code:
            data = re.sub(r"\s+", " ", data)
            at_line_start = not self.pieces or self.pieces[-1].endswith("\n")
            data = data.lstrip() if at_line_start else data
        if data:
            self.pieces.append(data)

    def _separate(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n\n")
        elif tag in _LINES:
            self.pieces.append("\n")
