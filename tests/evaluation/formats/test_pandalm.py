import json

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.labels import read_table
from alignray.evaluation.formats.pandalm import is_gold, is_verdicts, read_verdicts, read_votes


def table(tmp_path, rows, name="gpt-testset-v1.json"):
    (tmp_path / name).write_text(json.dumps(rows))
    return read_table(tmp_path / name)


def test_verdicts_as_written_and_not_read(tmp_path):
    results = ["1", 2, "Tie", "tie", 0, "garbage", None]
    rows = [{"idx": i, "gpt_result": result} for i, result in enumerate(results)]
    found = read_verdicts(table(tmp_path, rows))
    assert found.judge == "gpt"
    assert list(found.by_id.values()) == ["1", "2", "0", "0", "0", None, None]


def test_votes_in_both_spellings(tmp_path):
    new = table(tmp_path, [{"idx": "0", "annotator1": 2, "annotator2": "1", "annotator3": None}])
    old = table(tmp_path, [{"index": "0", "label_0": "2", "label_1": "1", "label_2": ""}])
    assert is_gold(new) and is_gold(old) and not is_verdicts(new)
    assert read_votes(new) == read_votes(old) == {"0": ["2", "1", None]}


@pytest.mark.parametrize("result", ["3", "Response 1", True])
def test_another_verdict_is_named(tmp_path, result):
    with pytest.raises(SourceError, match=r"\[0\]: `gpt_result` is no verdict"):
        read_verdicts(table(tmp_path, [{"idx": 0, "gpt_result": result}]))
