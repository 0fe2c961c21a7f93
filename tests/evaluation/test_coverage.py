"""The fast version of benchmarks/coverage.py: fixed seeds, fewer samples, every interval."""

import pytest

from benchmarks.coverage import ROWS, measure_row

pytestmark = pytest.mark.heavy
SAMPLES = {"tau-b: bootstrap": 200, "alpha ordinal: bootstrap": 200}
"""Else 400, of which a bootstrap takes a tenth."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.held], ids=lambda row: row.name)
def test_the_interval_holds_the_truth_in_95_percent(row):
    found = measure_row(row, 50, SAMPLES.get(row.name, 400))
    noise = 4 * (4.75 * 100 / (found["cases"] * found["samples"])) ** 0.5 / 2
    assert abs(found["coverage"] - 95) <= 1 + noise


def test_students_t_of_skewed_grades_did_not():
    assert measure_row(find("Student's t)"), 50, 400)["coverage"] < 92


def test_the_paired_test_finds_nothing_where_nothing_is():
    assert 94 < measure_row(find("p > .05)"), 50, 1000)["coverage"] < 98


def find(end):
    return next(row for row in ROWS if row.name.endswith(end))
