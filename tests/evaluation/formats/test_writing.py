import json
import math

from alignray.evaluation.formats.writing import replace_non_finite, write_content


def test_nan_and_infinity_become_the_filling_at_any_depth():
    content = {"a": [math.nan, {"b": math.inf}], "c": (1.5, "NaN", None), "d": 10**400}
    assert replace_non_finite(content) == {
        "a": [None, {"b": None}],
        "c": [1.5, "NaN", None],
        "d": 10**400,
    }
    assert replace_non_finite([-math.inf], "N/A") == ["N/A"]


def test_what_is_written_is_json(tmp_path):
    write_content(tmp_path / "a.json", {"a": math.nan})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None}
