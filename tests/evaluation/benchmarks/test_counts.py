"""What a copy lacks is said by name."""

from collections import Counter

import pytest

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.evaluation.benchmarks.counts import PromptCounts, compare_counts


def compare(expected, rows, categories=None, subsets=None):
    keys = {"name": "a", "title": "A", "kind": "harmful", "expected": expected}
    counts = PromptCounts(rows, Counter(categories), Counter(subsets))
    return compare_counts(BenchmarkSpec.model_validate(keys), counts)


def test_a_whole_copy_lacks_nothing():
    expected = {"rows": 3, "categories": {"x": 2, "y": None}, "subsets": {"s": 3}}
    assert compare(expected, 3, {"x": 2, "y": 1}, {"s": 3}) == []


def test_without_expectations_nothing_is_said():
    assert compare({}, 3, {"x": 3}) == []


@pytest.mark.parametrize(
    ("categories", "line"),
    [
        ({"x": 2}, "category y is missing (1 prompts expected): taken off"),
        ({"x": 1, "y": 1}, "category x has 1 prompts, 2 expected"),
        ({"x": 2, "y": 1, "z": 4}, "category z is not known (4 prompts)"),
    ],
)
def test_each_difference_is_a_line(categories, line):
    expected = {"categories": {"x": 2, "y": 1}, "gone": {"y": "taken off"}}
    assert compare(expected, sum(categories.values()), categories) == [line]


def test_a_lost_category_is_named_though_the_number_of_rows_is_right():
    expected = {"rows": 4, "categories": {"x": 2, "y": 2}}
    assert compare(expected, 4, {"x": 4}) == [
        "category x has 4 prompts, 2 expected",
        "category y is missing (2 prompts expected)",
    ]


def test_rows_and_subsets():
    found = compare({"rows": 5, "subsets": {"safe": 3, "unsafe": 2}}, 3, {}, {"safe": 3})
    assert found == ["subset unsafe is missing (2 prompts expected)", "3 prompts, 5 expected"]
