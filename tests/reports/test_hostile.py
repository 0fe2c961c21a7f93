"""Hostile text in every place of a run: nothing runs, is fetched, linked or taken as a formula."""

import csv
import io
import json
import re

import pytest

from alignray.config.reporting import ReportConfig
from alignray.reports import build_report
from tests.reports.hostile import FORMULAS, HOSTILE
from tests.reports.made_up import build_full_metrics, write_record, write_rows
from tests.reports.markup import Reader

PAGE_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "nav", "a", "h1",
    "h2", "h3", "h4", "h5", "p", "div", "span", "small", "br", "figure", "figcaption", "table",
    "thead", "tbody", "tr", "th", "td", "details", "summary", "article", "dl", "dt", "dd", "svg",
    "text", "line", "circle", "rect", "polyline", "polygon", "script",
}  # fmt: skip


NUMBERS = [
    pytest.param(number, marks=[pytest.mark.heavy] if len(text) > 100_000 else [])
    for number, text in enumerate(HOSTILE)
]
KEYS = {"plain", "risky", "unreadable", "no label"}
"""Names that are keys of the metrics, too."""


def rename(value, names):
    """The same JSON with other names, as keys and as values."""
    if isinstance(value, dict):
        known = {key: names.get(key, key) if key in KEYS else key for key in value}
        return {known[key]: rename(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [rename(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def write_hostile_run(run, text):
    """A run whose models, sets, metrics, categories, ids, reasons, judges, texts are the text."""
    metrics = build_full_metrics()
    places = {
        "base": f"{text} 1", "sft": f"{text} 2", "plain": f"{text} 3", "risky": f"{text} 4",
        "Malware": f"{text} 5", "unreadable": f"{text} 6", "judge": f"{text} 7",
        "policy": f"{text} 8", "flag_rate": f"{text} 9", "no label": f"{text} 10",
        "category Spam is missing": f"{text} 11", "anatomy": f"{text} 12",
    }  # fmt: skip
    metrics = rename(metrics, places)
    for entry in metrics["examples"]:
        entry["prompt_ids"] = [f"{text} {index}" for index in range(2)]
    folder = write_record(
        run, "eval", "eval", metrics, 1,
        config={text: text, "seed": text},
        inputs={text: {"name": text, "identity": text}},
        outputs={text: text}, fingerprint=text,
    )  # fmt: skip
    storable = text.encode("utf-8", "replace").decode()
    for entry in metrics["examples"]:
        for name in ("model", "benchmark"):
            entry[name] = entry[name].encode("utf-8", "replace").decode()
        entry["prompt_ids"] = [i.encode("utf-8", "replace").decode() for i in entry["prompt_ids"]]
    write_rows(folder, metrics, storable, storable)
    return run


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_runs_is_fetched_or_linked_wherever_the_text_stands(tmp_path, number):
    run = write_hostile_run(tmp_path / "run", HOSTILE[number])
    _, page = build_report(run, ReportConfig(examples=1))
    reader = Reader(page.read_text())
    assert reader.running == []
    assert {tag for tag, _ in reader.tags} <= PAGE_TAGS
    assert reader.count("script") == 1 and json.loads(reader.scripts["report"])
    assert not set("\0\u202e\u2066\x1b\ud800") & set(page.read_text())
    assert page.stat().st_size < 5_000_000 or len(HOSTILE[number]) > 100_000
    check_markdown((run / "report.md").read_text())
    check_csv((run / "report.csv").read_text())


def check_markdown(text):
    """No markup, link, mention or issue; each table row has as many cells as its header."""
    assert not set("<>`[]~!@") & set(text)
    plain = re.sub(r"&#\d+;", "", text)
    assert "#" not in plain.replace("## ", "", 1).replace("### ", "")
    assert "://" not in text and "www." not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows and len({row.count("|") for row in rows}) == 1


def check_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row if not is_number(cell)):
        assert not cell.strip(" '\"\u00a0\t\r\n").startswith(tuple("=+-@")) or cell[0] == "'", cell


def is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula_in_a_whole_report(tmp_path, text):
    run = write_hostile_run(tmp_path / "run", text)
    build_report(run)
    table = (run / "report.csv").read_text()
    check_csv(table)
    assert len(table.splitlines()) > 1


def test_there_are_enough_strings_of_each_kind():
    assert len(HOSTILE) >= 20 and len(FORMULAS) >= 10
    assert any(len(text) >= 1_000_000 for text in HOSTILE)
    for needed in ("\0", "\u202e", "javascript:", "</script>", "onload", "{{", "](", "| ---"):
        assert any(needed in text for text in HOSTILE), needed
