"""The table for pull requests: what it holds, and that nothing in it is markup."""

import html
import re

import pytest

from alignray.reports.markdown import escape_markdown, render_markdown
from tests.reports.hostile import HOSTILE
from tests.reports.made_up import build_full_metrics


def test_it_has_the_main_numbers_with_marks_and_their_legend():
    text = render_markdown("Run: x", "two stages", [("", build_full_metrics())])
    lines = text.splitlines()
    assert lines[0] == "## Run: x" and lines[2] == "two stages"
    header = next(index for index, line in enumerate(lines) if line.startswith("| rate, set"))
    assert (
        lines[header] == "| rate, set | base | sft |" and lines[header + 1] == "| :-- | --: | --: |"
    )
    assert lines[header + 2].startswith("| harmful, risky |") and "↓&#42;&#42;" in lines[header + 2]
    assert "Holm-corrected over the 6 tests" in text and "&#42;&#42; p &#60; .01" in text
    assert "- On the Pareto front" in text and "- Unscored answers: 4" in text
    assert "- Unscored verdicts of judge policy: 5 (5 no label)" in text
    assert lines[4] == "Warning: risky: category Spam is missing"


def test_no_evaluation_is_said():
    assert "No evaluation in this run." in render_markdown("x", "y", [])


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_markup(text):
    escaped = escape_markdown(text)
    assert not set("<>|`[]*~!@\n") & set(escaped)
    assert not re.search(r"(?<!&)#|://|www\.", escaped)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("GH-12", "GH-&#8288;12"),
        ("@someone", "&#64;&#8288;someone"),
        ("a/b#12", "a/b&#35;&#8288;12"),
        ("f0f0f0f", "f0f0f0&#8288;f"),
        ("F0" * 20, "F0F0F0&#8288;" * 6 + "F0F0"),
        ("www.example.com", "www&#8288;&#46;example.com"),
        ("https://x", "https&#58;//&#8288;x"),
    ],
)
def test_what_github_links_by_its_text_is_parted_in_two(text, parted):
    """Character references are read before mentions, issues and commits are looked for."""
    assert escape_markdown(text) == parted
    read = html.unescape(escape_markdown(f"see {text}"))
    links = r"(?i)\bgh-\d|[@#]\w|\b[0-9a-f]{7,40}\b|www\.|://\w"
    assert re.search(links, f"see {text}") and not re.search(links, read)


def test_plain_names_are_left_as_they_read():
    assert (
        escape_markdown("sft-v1.2 (run/b), 74 % → 0 %: über")
        == "sft-v1.2 (run/b), 74 % → 0 %: über"
    )
    assert escape_markdown("a_b|c") == "a\\_b&#124;c"
