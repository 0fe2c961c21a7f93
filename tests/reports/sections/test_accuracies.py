"""Accuracy by group: which levels are drawn, which tables are folded."""

from alignray.reports.page import Figure, Table
from alignray.reports.sections.accuracies import build_accuracy_blocks
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_full_metrics


def test_categories_are_drawn_and_subjects_are_folded():
    metrics = build_full_metrics()
    figure, *tables = build_accuracy_blocks(metrics)
    assert isinstance(figure, Figure) and figure.title == "Right answers by category: mmlu"
    assert [(table.title, table.folded) for table in tables] == [
        ("Right answers by category: mmlu, in numbers", False),
        ("Right answers by sub-category: mmlu, in numbers", False),
        ("Right answers by subject: mmlu, in numbers", True),
    ]
    [row] = [row for row in tables[2].rows if row[0] == "anatomy"]
    [entry] = [
        entry
        for entry in metrics["accuracy_by_group"]
        if (entry["model"], entry["benchmark"]) == ("base", "mmlu/subject/anatomy")
    ]
    assert row[1].detail.startswith(f"{entry['k']}/{entry['n']}; ")


def test_without_choices_there_is_nothing_and_one_group_is_no_table():
    assert build_accuracy_blocks(build_made_up_metrics()) == []
    metrics = build_full_metrics()
    metrics["accuracy_by_group"] = [
        entry for entry in metrics["accuracy_by_group"] if entry["group"] == "anatomy"
    ]
    assert not [b for b in build_accuracy_blocks(metrics) if isinstance(b, Table)]
