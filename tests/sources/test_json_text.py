import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.errors import SourceError
from alignray.sources import json_text
from alignray.sources.json_text import encode_compact, read_json_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6)


def pieces_of(text, size):
    return (text[i : i + size] for i in range(0, len(text), size))


@given(ROWS, st.integers(1, 40), st.sampled_from([None, 1, "\t"]))
def test_an_array_in_pieces_is_what_json_reads(rows, size, indent):
    text = json.dumps(rows, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_READ_CHARS", 7)
        assert list(read_json_values(pieces_of(text, size), "f")) == rows


@given(ROWS, st.integers(1, 40))
def test_objects_one_after_the_other(rows, size):
    text = "\n".join(json.dumps(row) for row in rows)
    assert list(read_json_values(pieces_of(text, size), "f")) == rows


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[{"a": 1}, {"a": ', "f:row 1"),
        ('[{"a": 1}', "f:row 1"),
        ('[{"a": 1} {"a": 2}]', "f:row 1"),
        ('[{"a": 1}] {"a": 2}', "f:row 1"),
        ("[nope]", "f:row 0"),
        ("[" * 100_000, "f:row 0"),
    ],
)
def test_broken_json_is_named_by_row(text, where):
    with pytest.raises(SourceError) as caught:
        list(read_json_values(iter([text]), "f"))
    assert caught.value.where == where


def test_a_value_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(json_text, "MAX_VALUE_CHARS", 1000)
    monkeypatch.setattr(json_text, "_READ_CHARS", 100)
    read = 0

    def endless():
        nonlocal read
        yield '["'
        while True:
            read += 100
            yield "x" * 100

    with pytest.raises(SourceError):
        list(read_json_values(endless(), "f"))
    assert read <= 10_000


@given(VALUES)
def test_compact_json_is_json_and_utf8(value):
    text = encode_compact(value)
    assert json.loads(text) == value
    text.encode()


def test_lone_surrogates_stay_escaped():
    assert encode_compact({"a": "\ud800"}) == '{"a":"\\ud800"}'
    assert encode_compact({"a": "é"}) == '{"a":"é"}'
