"""CSV that no spreadsheet runs, and that reads back."""

import csv
import io

import pytest

from alignray.reports.spreadsheet import COLUMNS, protect_cell, render_csv
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.hostile import FORMULAS


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_one_row_per_entry_and_numbers_are_numbers():
    entries = build_made_up_metrics()["report"]
    rows = read(render_csv(entries))
    assert len(rows) == len(entries)
    assert [float(row["value"]) for row in rows] == [entry["value"] for entry in entries]
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    assert rows[0]["k"] == str(entries[0]["k"])


def test_negative_numbers_stay_numbers_and_further_keys_are_columns():
    [row] = read(render_csv([{"model": "a", "value": -0.5, "zeta": "z", "k": None}]))
    assert row["value"] == "-0.5" and row["zeta"] == "z" and row["k"] == ""


@pytest.mark.parametrize("text", [f for f in FORMULAS if f != "x;=1+1"])
def test_formulas_become_text(text):
    assert str(protect_cell(text)).startswith(("'", "[U+", "␍"))


def test_a_semicolon_opens_no_cell_and_plain_text_is_as_it_was():
    line = render_csv([{"model": "x;=1+1"}]).splitlines()[1]
    assert '"x;=1+1"' in line
    assert protect_cell("a=b - c") == "a=b - c" and protect_cell(True) == "True"
