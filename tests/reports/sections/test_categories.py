"""By category: all models side by side, and what is missing by name."""

from alignray.reports.page import Figure, Note, Table
from alignray.reports.sections.categories import build_category_blocks
from tests.reports.made_up import build_entry, build_full_metrics


def build_metrics(categories, **more):
    metrics = {"models": ["a", "b"], "benchmarks": {"risky": "harmful"}, "report": []}
    return metrics | {"categories": categories} | more


def build_category(model, name, value=0.5):
    entry = build_entry(model, "risky", "harmful_rate", 0.5, category=name)
    return entry | ({"value": None, "n": 0, "k": 0} if value is None else {})


def test_a_category_without_a_row_is_named_for_whom_it_has_none():
    entries = [build_category(model, name) for model in "ab" for name in ("Malware", "Fraud")]
    entries += [build_category("a", "Lost", None), build_category("b", "Lost", None)]
    entries.append(build_category("a", "Half"))
    note, figure, table = build_category_blocks(build_metrics(entries))
    assert isinstance(note, Note) and note.tone == "warning"
    assert "no scored row for Lost; Half (b): no rate" in note.text
    assert isinstance(figure, Figure) and isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["Malware", "Fraud", "Lost", "Half"]
    assert [cell.text for cell in table.rows[2][1:]] == ["–", "–"]


def test_all_there_means_no_note_and_one_category_no_drawing():
    entries = [build_category(model, name) for model in "ab" for name in ("Malware", "Fraud")]
    assert [type(b) for b in build_category_blocks(build_metrics(entries))] == [Figure, Table]
    assert build_category_blocks(build_metrics(entries[:1])) == []


def test_eleven_categories_are_two_drawings():
    entries = [build_category(model, f"c{i}") for i in range(11) for model in "ab"]
    figures = [b for b in build_category_blocks(build_metrics(entries)) if isinstance(b, Figure)]
    assert [figure.title[-8:] for figure in figures] == ["(1 of 2)", "(2 of 2)"]


def test_what_a_further_judge_says_by_category_is_drawn_and_means_are_a_table():
    blocks = build_category_blocks(build_full_metrics())
    titles = [block.title for block in blocks if isinstance(block, Figure)]
    assert "harmfulness rate by category, policy: risky" in titles
    assert "flag rate by category, flags: risky" in titles
    further = [
        build_entry(model, f"risky/{name}", "harmfulness_score", 3.2, judge="p", k=None)
        for model in "ab"
        for name in ("Malware", "Fraud")
    ]
    [table] = build_category_blocks(build_metrics([], judges=further))
    assert isinstance(table, Table) and table.rows[0][1].text == "3.2"
