"""The last steps of a training: card, record, and the push to the hub."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from alignray.artifacts import Counts, Stage
from alignray.config.training import TrainingConfig
from alignray.durable import read_json, write_text
from alignray.fingerprint import RECORD_NAME
from alignray.training.adapters.stack import MERGED_DIR
from alignray.training.job import CHECKPOINTS_DIR, MODEL_DIR, SUMMARY_NAME
from alignray.training.method import Method
from alignray.training.outputs.card import CARD_NAME, Lineage, build_model_card
from alignray.training.outputs.hub import publish_model
from alignray.training.outputs.stamp import Stamp, write_stamp
from alignray.training.policy import load_tokenizer


def complete_stage(
    stage: Stage, method: Method, counts: Counts, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes card, template stamp and record, then pushes the model where that is asked for.

    Raises:
        HubError: not pushed; all else is done.
    """
    config = stage.config
    assert isinstance(config, TrainingConfig)
    summary = read_json(stage.path / CHECKPOINTS_DIR / SUMMARY_NAME)
    template_digest = load_tokenizer(config).template_digest
    metrics = {**metrics, "template_digest": template_digest}
    write_stamp(Stamp.of(config, template_digest), stage.path / MODEL_DIR)
    lineage = Lineage(
        fingerprint=stage.fingerprint,
        inputs=stage.inputs,
        template_digest=template_digest,
        strategy=str(summary.get("strategy", "")),
    )
    card = build_model_card(config, method.verb, method.title, metrics, lineage)
    write_text(stage.path / MODEL_DIR / CARD_NAME, card)
    write_text(stage.path / CARD_NAME, card)
    shutil.rmtree(stage.path / MERGED_DIR, ignore_errors=True)
    record = stage.write_record(counts, metrics)
    publish_model(config, stage.path, record)
    return record


def reopen_stage(stage: Stage) -> dict[str, Any]:
    """The record of a finished stage; its model is pushed if it was not yet.

    Raises:
        HubError: not pushed.
    """
    assert isinstance(stage.config, TrainingConfig)
    record = read_json(stage.path / RECORD_NAME)
    publish_model(stage.config, stage.path, record)
    return record
