"""Other stages on the page: curves, audits, position bias, and numbers as they are."""

from alignray.reports.page import Figure, Table
from alignray.reports.sections.cost import build_count_table
from alignray.reports.sections.stages import build_stage_sections
from alignray.reports.values import build_blocks, show_value

SHARE = {"k": 30, "n": 60, "value": 0.5, "ci_low": 0.38, "ci_high": 0.62}
NOTHING = {"k": 0, "n": 0, "value": None, "ci_low": None, "ci_high": None}


def build_record(verb, metrics, **counts):
    return {
        "stage": verb,
        "verb": verb,
        "counts": {"in": 10, "ok": 10, "unscored": 0, "failed": 0} | counts,
        "metrics": metrics,
        "code_version": "0.1.0",
        "started": "2026-01-01T00:00:00Z",
        "seconds": 2.0,
    }


def find(record, title):
    blocks = [block for section in build_stage_sections([record]) for block in section.blocks]
    return [block for block in blocks if not title or getattr(block, "title", "").startswith(title)]


def test_rules_that_decide_on_no_pair_are_left_out_of_the_audit():
    audit = {
        "all": {"longer": SHARE, "refusal": NOTHING},
        "default": {"longer": SHARE, "refusal": SHARE},
    }
    [figure] = find(build_record("pairs", {"label_audit": audit}), "Would a silly rule")
    assert isinstance(figure, Figure)
    assert "longer 60" in figure.caption and "refusal" not in str(figure.drawing)
    [table] = find(build_record("pairs", {"label_audit": audit}), "label_audit")
    assert table.rows[0] == ["all", "0.5 [0.38, 0.62], n = 60", "–"]


def test_position_bias_is_drawn_where_there_are_places():
    places = [
        {"responses": 2, "place": place, "unbiased": 1.5}
        | {"mean_rank": {"value": 1.2, "ci_low": 1.1, "ci_high": 1.3, "n": 40}}
        for place in (1, 2)
    ]
    [figure] = find(build_record("rank", {"position_bias": places}), "Position bias")
    assert "n = 40 prompts" in figure.caption and "1.5" in figure.caption
    assert not find(build_record("rank", {"responses": 5}), "Position bias")


def test_curves_are_drawn_only_where_they_were_logged():
    record = build_record("sft", {"curve": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]})
    assert [block.title for block in find(record, "") if isinstance(block, Figure)] == ["Loss: sft"]


def test_lost_rows_stand_out_in_the_table_of_stages():
    record = build_record("sample", {"completion_tokens": 1234}, ok=7, unscored=2, failed=1)
    [row] = build_count_table([record]).rows
    assert [cell if isinstance(cell, str) else cell.text for cell in row] == [
        "sample", "sample", "10", "7", "2", "1", "30\N{NO-BREAK SPACE}%",
    ]  # fmt: skip
    assert row[5].heat > row[4].heat > 0


def test_any_numbers_become_tables_and_none_is_lost():
    values = {
        "rate": 0.5,
        "kept": {"yes": 3, "no": 4},
        "rows": [{"a": 1, "b": {"c": 2}}, {"a": 3}],
        "reasons": {},
        "ids": list(range(30)),
    }
    tables = {block.title: block for block in build_blocks(values) if isinstance(block, Table)}
    plain = dict(tables["numbers"].rows)
    assert plain["rate"] == "0.5" and plain["kept / yes"] == "3" and plain["reasons"] == "–"
    assert plain["ids"].endswith("19, …")
    assert tables["rows"].header == ["a", "b / c"]
    assert tables["rows"].rows == [["1", "2"], ["3", "–"]]


def test_values_are_short_and_exact():
    assert [show_value(v) for v in (None, True, 12345, 0.12345, 98765.4, {"a": 1})] == [
        "–", "yes", "12,345", "0.123", "98,765", "a 1",
    ]  # fmt: skip
