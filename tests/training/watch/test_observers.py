import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import ConfigError, SourceError
from alignray.training.rows.encoding import EncodedRows
from alignray.training.watch import observers
from alignray.training.watch.observers import check_eval_rows, check_reporters


def make_config(**fields):
    return SFTStageConfig(output_dir="o", model_name_or_path="m", dataset="d", **fields)


def test_a_reporter_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setattr(observers.importlib.util, "find_spec", lambda name: None)
    check_reporters(make_config())
    with pytest.raises(ConfigError) as caught:
        check_reporters(make_config(report_to=["wandb"]))
    assert str(caught.value) == (
        "report_to: wandb is not installed; pip install wandb, or leave wandb out of report_to"
    )


@pytest.mark.parametrize("installed", ["tensorboard", "tensorboardX"])
def test_either_writer_of_tensorboard_files_is_enough(monkeypatch, installed):
    config = make_config(report_to=["tensorboard"])
    monkeypatch.setattr(observers.importlib.util, "find_spec", lambda name: name == installed)
    check_reporters(config)
    monkeypatch.setattr(observers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="tensorboardX is not installed"):
        check_reporters(config)


def test_a_best_checkpoint_needs_a_row_to_be_measured_on():
    config = make_config(eval_dataset="held.jsonl", metric_for_best_model="eval_loss")
    empty = EncodedRows(skipped={"too_long": ["row 0", "row 1"]})
    with pytest.raises(SourceError, match=r"held\.jsonl: no row can be evaluated \(2 too_long\)"):
        check_eval_rows(config, empty)
    check_eval_rows(config, EncodedRows(rows=[{"input_ids": [1]}]))
    check_eval_rows(make_config(), None)
