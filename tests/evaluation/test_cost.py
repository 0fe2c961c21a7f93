"""What engines did is counted, not computed, and kept over the runs of an evaluation."""

from alignray.artifacts import Counts
from alignray.evaluation.cost import CostBook, describe_engines
from alignray.inference.monitor import Totals
from alignray.inference.on_ray import RowStageResult


def result(requests, starts, followed=None):
    return RowStageResult(Counts(9, 9, 0, 0), 40, 50, requests, 0, starts, followed)


def test_starts_are_those_of_all_engines_over_all_runs(tmp_path):
    for requests, starts in ((9, 2), (0, 0), (3, 1)):
        with CostBook(tmp_path).measure("shared", ["base", "sft"]) as done:
            done.append(result(requests, starts))
    [line] = CostBook(tmp_path).list_lines()
    assert (line["starts"], line["requests"], line["rows"]) == (3, 12, 9)
    assert describe_engines([line]) == "3 engines started for 2 models, 0 for verdicts"


def test_an_overlapped_engine_has_its_own_working_time(tmp_path):
    book = CostBook(tmp_path)
    book.add_follower("judge", None)
    assert book.list_lines() == []
    book.add_follower("judge", Totals(requests=6, starts=1, seconds=4.26))
    with book.measure("judge", []) as done:
        done.append(result(0, 0))
    [line] = CostBook(tmp_path).list_lines()
    assert line["overlapped"] and (line["seconds"], line["starts"]) == (4.3, 1)
    assert describe_engines([line]) == "0 engines started for 0 models, 1 for verdicts"
