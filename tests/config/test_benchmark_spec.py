"""One benchmark as a YAML file, and whose decoding is used."""

import pytest
from pydantic import ValidationError

from alignray.config.benchmark_spec import BenchmarkSpec, Decoding, resolve_sampling
from alignray.config.inference import SamplingParams


def test_without_anything_decoding_is_greedy_and_256_tokens():
    sampling = resolve_sampling(Decoding())
    assert (sampling.temperature, sampling.max_tokens, sampling.n) == (0, 256, 1)


def test_a_benchmark_has_its_own_decoding():
    sampling = resolve_sampling(Decoding(max_tokens=512, stop=("Q:",)))
    assert (sampling.temperature, sampling.max_tokens, sampling.stop) == (0, 512, ("Q:",))


@pytest.mark.parametrize("user", [Decoding(max_tokens=64), SamplingParams(max_tokens=64)])
def test_what_the_user_sets_wins_and_the_rest_stays(user):
    sampling = resolve_sampling(Decoding(max_tokens=512, temperature=0.7), user)
    assert (sampling.max_tokens, sampling.temperature) == (64, 0.7)


def test_the_user_may_set_what_is_the_default():
    assert resolve_sampling(Decoding(max_tokens=512), Decoding(max_tokens=256)).max_tokens == 256
    assert resolve_sampling(Decoding(temperature=0.7), Decoding(temperature=0)).temperature == 0


def test_decoding_survives_being_written_down():
    user = Decoding(temperature=0.5)
    again = Decoding.model_validate(user.model_dump(mode="json"))
    own = Decoding(max_tokens=512, temperature=0.7)
    assert resolve_sampling(own, again) == resolve_sampling(own, user)


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
