"""What a training makes sure of, and makes of its rows, before it starts or writes anything.

A dry run goes through the same checks (`dry_run.py`) and refuses in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass

from alignray.config.sft import SFTStageConfig
from alignray.config.training import TrainingConfig
from alignray.training.method import Method
from alignray.training.outputs.hub import check_hub
from alignray.training.outputs.stamp import check_stamp
from alignray.training.policy import check_model, get_max_length
from alignray.training.rows.encoding import EncodedRows, Row, check_rows
from alignray.training.rows.loading import encode_dataset, encode_mixture
from alignray.training.watch.observers import check_eval_rows, check_reporters


@dataclass(frozen=True)
class PreparedRows:
    """The rows of a training."""

    encoded: EncodedRows
    rows: list[Row]
    """As the trainer takes them: packed, where that is asked for."""
    evaluated: EncodedRows | None
    """None without an eval_dataset."""
    eval_rows: list[Row]


def check_settings(config: TrainingConfig) -> None:
    """Makes sure of all that is asked for besides rows; reads no weights.

    Raises:
        ModelError, ConfigError: a model, adapter or library is not what it must be.
    """
    check_model(config)
    check_stamp(config)
    check_hub(config)
    check_reporters(config)


def prepare_rows(config: TrainingConfig, method: Method, *, probing: bool = False) -> PreparedRows:
    """Reads and encodes the rows to train on and to evaluate.

    Args:
        config: the training.
        method: its method.
        probing: encode no more rows than it takes to tell whether there are enough.

    Raises:
        SourceError: a data set is not usable, or there are too few rows.
    """
    packs = isinstance(config, SFTStageConfig) and config.packing
    enough = config.train_batch_size if probing and not packs else None
    encoded = encode_mixture(config, method, enough)
    rows = method.arrange(encoded, get_max_length(config))
    names = " + ".join(part.dataset for part in config.list_datasets())
    check_rows(encoded, len(rows), names, config.train_batch_size)
    evaluated, eval_rows = None, []
    if config.eval_dataset is not None:
        enough = 1 if probing else None
        evaluated = encode_dataset(config, method, config.eval_dataset, enough)
        eval_rows = method.arrange(evaluated, get_max_length(config))
    check_eval_rows(config, evaluated)
    return PreparedRows(encoded, rows, evaluated, eval_rows)
