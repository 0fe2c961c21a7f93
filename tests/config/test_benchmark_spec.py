"""One benchmark as a YAML file."""

import pytest
from pydantic import ValidationError

from alignray.config.benchmark_spec import BenchmarkSpec


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"kind": "mixed"}, "`kinds`"),
        ({"kind": "harmful", "kinds": {"a": "benign"}}, "`kinds`"),
        ({"kind": "choice"}, "gold.column"),
        ({"kind": "number"}, "gold.column"),
    ],
)
def test_contradictions_are_refused(keys, complaint):
    with pytest.raises(ValidationError, match=complaint):
        BenchmarkSpec.model_validate({"name": "a", "title": "A"} | keys)


def test_identity_is_what_decides_answers():
    def build(**keys):
        return BenchmarkSpec.model_validate({"name": "a", "title": "A", "kind": "harmful"} | keys)

    same = build(name="b", caveat="!", licence="MIT", files={"patterns": "x.csv"}, expected={})
    assert same.identity() == build().identity()
    for change in (
        {"kind": "benign"},
        {"prompt": {"template": "Q: {{ prompt }}"}},
        {"decoding": {"max_tokens": 9}},
        {"category": {"column": "topic"}},
        {"files": {"columns": ["goal"]}},
    ):
        assert build(**change).identity() != build().identity()
