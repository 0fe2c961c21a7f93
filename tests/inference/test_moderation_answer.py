"""What moderation answers mean, and what never becomes a verdict."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.inference.engine import RequestFailed, RequestRejected
from alignray.inference.moderation_answer import build_input, parse_moderation
from tests.inference.moderation_server import moderate


def wrap(**fields):
    return {"results": [{"flagged": False, "categories": {}, "category_scores": {}} | fields]}


def test_flag_categories_and_scores():
    output = parse_moderation(
        wrap(flagged=True, categories={"hate": True}, category_scores={"hate": 0.93, "sex": 0.5})
    )
    assert output.text == "flagged"
    assert output.scores == {"hate": 0.93, "sex": 0.5, "flagged:hate": 1.0}


@pytest.mark.parametrize("field", ["categories", "category_scores"])
def test_a_missing_or_null_category_is_unknown_and_not_zero(field):
    payload = wrap(categories={"hate": False, "illicit": None}, category_scores={"illicit": None})
    assert parse_moderation(payload).scores == {"flagged:hate": 0.0}
    for absent in ({field: None}, {}):
        result = {k: v for k, v in wrap()["results"][0].items() if k != field} | absent
        assert parse_moderation({"results": [result]}).scores == {}


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "flagged",
        {},
        {"results": []},
        {"results": None},
        {"results": {"flagged": True}},
        {"results": [None]},
        {"results": [[]]},
        {"results": [wrap()["results"][0]] * 2},
        {"results": [{}]},
        wrap(flagged=None),
        wrap(flagged="true"),
        wrap(flagged=1),
        wrap(flagged=0.9),
        wrap(categories=[]),
        wrap(categories=["hate"]),
        wrap(categories={"hate": 1}),
        wrap(categories={"hate": "no"}),
        wrap(category_scores=[0.1]),
        wrap(category_scores={"hate": "0.1"}),
        wrap(category_scores={"hate": True}),
        wrap(category_scores={"hate": math.nan}),
        wrap(category_scores={"hate": math.inf}),
        wrap(category_scores={"hate": -math.inf}),
        wrap(category_scores={"hate": 10**400}),
        wrap(category_scores={"flagged:hate": 0.3}),
        wrap(categories={"\ud800": True}),
        wrap(categories={"": True}),
        wrap(categories={"x" * 200: True}),
        {"choices": [{"message": {"content": "safe"}}]},
    ],
    ids=lambda payload: repr(payload)[:60].encode("ascii", "replace").decode(),
)
def test_another_shape_is_unreadable(payload):
    with pytest.raises(RequestRejected, match=r"^unreadable: "):
        parse_moderation(payload)


def test_an_error_in_an_http_200_is_a_failure():
    with pytest.raises(RequestFailed):
        parse_moderation({"error": {"message": "secret text"}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_whatever_comes_it_is_a_boolean_verdict_with_finite_scores_or_a_reason(a, b, c):
    payload = {"results": [{"flagged": a, "categories": b, "category_scores": c}]}
    try:
        output = parse_moderation(payload)
    except (RequestRejected, RequestFailed) as error:
        assert error.reason
        return
    assert isinstance(a, bool) and output.text == ("flagged" if a else "passed")
    json.dumps(output.scores, allow_nan=False)


def test_input_is_the_response_alone_or_the_dialogue():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}]
    assert build_input(messages, "response") == "Yes."
    assert build_input(messages, "dialogue") == "user: Hi\n\nassistant: Yes."


def test_the_test_server_has_the_shape_that_the_stock_client_promises():
    from openai.types import Moderation

    known = {
        name.replace("_", "-")
        for name in Moderation.model_fields["categories"].annotation.model_fields
    }
    assert {"hate", "violence", "illicit", "harassment"} <= known
    assert parse_moderation({"results": [moderate("a lock")]}).text == "flagged"
