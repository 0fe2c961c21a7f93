"""The metrics that a row of the table names are metrics that `alignray eval` reports of it."""

import pytest

from alignray.config.benchmarks import find_row, list_rows
from alignray.evaluation.metrics import METRICS
from tests.reports.full_metrics import build_full_metrics


def list_reported(spec):
    """Metrics of the kinds of a benchmark, and measures of the judges that it is meant for."""
    kinds = set(spec.kinds.values()) or {spec.kind}
    of_judges = {
        entry["metric"]
        for entry in build_full_metrics()["judges"]
        if entry["judge_type"] in spec.judges
    }
    return of_judges | {metric.name for metric in METRICS if kinds & set(metric.kinds)}


@pytest.mark.parametrize("name", list_rows())
def test_every_name_is_one_that_an_evaluation_reports(name):
    spec = find_row(name).spec
    assert set(spec.metrics) <= list_reported(spec)
    assert len(set(spec.metrics)) == len(spec.metrics)
