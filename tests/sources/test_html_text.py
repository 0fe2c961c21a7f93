import pytest

from alignray.sources.html_text import strip_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One <b>two</b>\n three.</p>\n<p>Four.</p>", "One two three.\n\nFour."),
        ("<pre><code>if x:\n    y = 1\n</code></pre><p>z</p>", "if x:\n    y = 1\n\nz"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<ul><li>one</li><li><a href='x'>two</a></li></ul>", "one\ntwo"),
        ("one<br>two", "one\ntwo"),
        ("<script>no()</script>yes", "yes"),
        ("plain text, 1 < 2", "plain text, 1 < 2"),
        ("", ""),
    ],
)
def test_tags_go_and_text_stays(html, text):
    assert strip_html(html) == text
