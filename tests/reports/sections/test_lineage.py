"""Where numbers come from: all of it, folded."""

from alignray.reports.page import Fold
from alignray.reports.sections.lineage import build_lineage_blocks

RECORD = {
    "stage": "eval",
    "verb": "eval",
    "fingerprint": "f0f0",
    "code_version": "0.1.0",
    "schema_version": 1,
    "started": "2026-01-01T00:00:00Z",
    "config": {"seed": 7, "sampling": {"seed": 3, "n": 1}, "url": "http://me:pw@host/", "stop": {}},
    "inputs": {"models.sft": {"name": "runs/sft/model", "identity": "abc"}},
    "outputs": {f"data/part-{index}": "d2" for index in range(300)},
}


def test_it_is_one_closed_fold_with_a_table_of_each_kind():
    [fold] = build_lineage_blocks([RECORD])
    assert isinstance(fold, Fold)
    tables = {table.title: table for table in fold.blocks}
    assert tables["Stages"].rows == [
        ["eval", "eval", "f0f0", "0.1.0", "1", "2026-01-01T00:00:00Z", "–"]
    ]
    assert tables["Inputs"].rows == [["eval", "models.sft", "runs/sft/model", "abc"]]
    assert tables["Seeds"].rows == [["eval", "seed", "7"], ["eval", "sampling.seed", "3"]]
    assert ["url", "http://***@host/"] in tables["Settings of eval"].rows
    assert len(tables["Outputs of eval"].rows) == 200
    assert "The first 200 of 300" in tables["Outputs of eval"].caption


def test_records_of_little_are_enough():
    little = {key: RECORD[key] for key in ("stage", "verb", "code_version", "started")}
    [fold] = build_lineage_blocks([little])
    assert [table.title for table in fold.blocks] == ["Stages"]
