"""Model output is hostile: whatever it says, nothing on the page runs or fetches."""

import json

import pytest

from alignray.reports.page import (
    CONTENT_SECURITY_POLICY,
    Cell,
    Figure,
    Headline,
    Note,
    Page,
    Section,
    Table,
    dump_json,
    render_page,
)
from alignray.reports.plots import Estimate, Whisker, plot_intervals
from tests.reports.hostile import HOSTILE
from tests.reports.markup import Reader


def build_page(text):
    """A page with the text in every place that takes one."""
    drawing = plot_intervals(text, [Whisker(text, Estimate(0.5, 0.4, 0.6))])
    blocks = [
        Figure(text, drawing, text),
        Table(text, [text, text, text], [[text, text, Cell(text, 0.4)]], text, True, (1,)),
        Table(text, [text, text], [[text, Cell(text)]], text),
        Note(text, "warning"),
    ]
    section = Section(text, blocks, text)
    headline = Headline(text, text, text, text)
    return Page(text, text, [section, section], [headline], {"report": [{"model": text}]})


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_string_becomes_a_node(text):
    plain, hostile = Reader(render_page(build_page("x"))), Reader(render_page(build_page(text)))
    assert hostile.running == []
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert json.loads(hostile.scripts["report"]) == [{"model": text}]


def test_there_are_at_least_twenty_hostile_strings_and_the_reader_sees_them_unescaped():
    assert len(HOSTILE) >= 20
    seen = [text for text in HOSTILE if Reader(f"<body>{text}</body>").running]
    assert len(seen) >= 14


def test_policy_comes_first_and_allows_no_script_and_no_network():
    text = render_page(build_page("x"))
    assert Reader(text).policy == CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert "http://" not in text and "https://" not in text


def test_json_in_a_script_cannot_end_it_and_is_read_back_whole():
    value = {"x": "</script><!--\u2028&\u2029", "y": [1.5, None, True]}
    text = str(dump_json(value))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_json_without_a_number_is_refused():
    with pytest.raises(ValueError):
        dump_json({"x": float("nan")})
