"""What the copies of the benchmarks lack is a warning; rows by fate are a table."""

from alignray.reports.sections.sources import build_finding_blocks, build_source_table
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_full_metrics


def test_a_finding_names_its_benchmark_and_warns():
    [note] = build_finding_blocks(build_full_metrics())
    assert (note.text, note.tone) == ("risky: category Spam is missing", "warning")
    assert build_finding_blocks(build_made_up_metrics()) == []


def test_rows_by_fate_and_a_source_without_an_audit_is_left_out():
    [table] = build_source_table(build_full_metrics())
    assert table.rows == [
        ["risky", "220", "219", "1 empty", "–", "0"],
        ["plain", "200", "200", "–", "–", "0"],
    ]
    assert build_source_table(build_made_up_metrics()) == []
