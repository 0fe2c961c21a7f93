"""Two graders of the same answers."""

from alignray.evaluation.scoring.grader_agreement import score_grader_agreement
from alignray.evaluation.scoring.score import Place


def test_methods_are_those_of_the_intervals():
    pairs = [(1.0, 1.0), (2.0, 2.0), (5.0, 4.0), (3.0, 3.0), (4.0, None)] * 6
    methods = {s.measure.name: s.method for s in score_grader_agreement(Place("g", "b"), pairs)}
    assert methods == {
        "grader_agreement": "Wilson interval",
        "grader_kappa": "Wilson interval by effective rows",
        "grader_tau": "bootstrap over rows, Wilson interval by effective rows",
    }
