"""Model output is hostile: whatever it says, nothing on the page runs or fetches."""

import base64
import hashlib
import json
import re
from itertools import pairwise

import pytest

from alignray.reports.page import (
    CONTENT_SECURITY_POLICY,
    STYLE,
    Cell,
    Excerpt,
    Figure,
    Fold,
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
        Fold(text, [Excerpt(text, text, [(text, text)]), Note(text)], text),
        Table(text, [text, text], [[Cell(text, detail=text), Cell(text, 0.2, text, "", text)]]),
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
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in CONTENT_SECURITY_POLICY and "*" not in CONTENT_SECURITY_POLICY
    assert not [found for _, found in Reader(text).tags if "style" in found]
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert "http://" not in text and "https://" not in text


def test_the_policy_allows_just_the_style_of_the_page():
    text = render_page(build_page("x"))
    style = text[text.index("<style>") + len("<style>") : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in CONTENT_SECURITY_POLICY


def test_headings_go_down_one_level_at_a_time():
    levels = [
        int(tag[1])
        for tag, _ in Reader(render_page(build_page("x"))).tags
        if tag[:1] == "h" and tag[1:].isdigit()
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("number", range(3))
def test_texts_stand_out_from_their_ground_in_every_theme(number):
    """Contrast of WCAG 2: 4.5 for text; light, dark and paper."""
    theme = re.findall(r":root \{([^}]*)\}", STYLE)[number]
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", theme))
    pairs = [(name, "card") for name in ("ink", "soft", "accent", "better", "worse", "warn")]
    pairs += [(f"c{index}", "card") for index in range(6)]
    pairs += [("ink", "ground"), ("soft", "ground"), ("ink", "heat-color"), ("warn", "warn-ground")]
    low = [(a, b) for a, b in pairs if compute_contrast(colors[a], colors[b]) < 4.5]
    assert low == []


def compute_contrast(first, second):
    low, high = sorted(map(compute_luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def compute_luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_what_misleads_the_eye_is_shown():
    text = render_page(build_page("a\0b\u202ec"))
    assert "a\u2400b[U+202E]c" in text and "\0" not in text and "\u202e" not in text


def test_json_in_a_script_cannot_end_it_and_is_read_back_whole():
    value = {"x": "</script><!--\u2028&\u2029", "y": [1.5, None, True]}
    text = str(dump_json(value))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_json_without_a_number_is_refused():
    with pytest.raises(ValueError):
        dump_json({"x": float("nan")})
