"""`alignray data check`: what rows become, before anything is trained on them.

Reads, mixes and encodes rows exactly as the training would (`rows/loading.py`), by way of a method
that takes notes; needs neither weights nor Ray. It shows the text of rows to whoever asked for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignray.config.data_check import DataCheckConfig
from alignray.config.dpo import DPOStageConfig
from alignray.config.loading import load_config
from alignray.config.sft import SFTStageConfig
from alignray.config.training import TrainingConfig
from alignray.config.training_files import load_training_config
from alignray.errors import ConfigError
from alignray.sources import SourceAudit
from alignray.training.check.data_report import DataReport, ShownRow, compute_quantiles
from alignray.training.check.token_view import TokenSequence, build_pieces
from alignray.training.dpo import DPOMethod
from alignray.training.method import RowMethod
from alignray.training.rows.encoding import IGNORED, Limits, Skipped, TokenColumns, name_row
from alignray.training.rows.loading import build_loader, build_mixing, encode_parts
from alignray.training.rows.mixture import mix_rows
from alignray.training.sft import SFTMethod

if TYPE_CHECKING:
    from alignray.chat import ChatTokenizer

DEFAULT_MODEL = "pocket-base"
_UNLIMITED = Limits(2**31, "none")
_Encoded = tuple[TokenColumns, bool] | Skipped


def check_data(file: str | None, path: str | None, overrides: Sequence[str]) -> DataReport:
    """Reads and encodes all rows as a training would.

    Args:
        file: the data set, or None for those of the configuration.
        path: configuration file of a training, or None.
        overrides: `verb=`, `rows=`, and keys of the training.

    Raises:
        ConfigError, SourceError, ModelError, ChatError: as the training would.
    """
    own = [text for text in overrides if text.partition("=")[0] in DataCheckConfig.model_fields]
    check = load_config(DataCheckConfig, None, own)
    config = _load_training(check, file, path, [text for text in overrides if text not in own])
    method = SFTMethod(config) if isinstance(config, SFTStageConfig) else DPOMethod(config)
    notes = NotingMethod(method, check.rows)
    loader = build_loader(config, notes)
    parts = encode_parts(config, loader)
    mixing = build_mixing(config)
    if not all(part.rows for part in parts):
        mixing = build_mixing(config.model_copy(update={"mixing_strategy": "concatenate"}))
    encoded = mix_rows(parts, mixing)
    return DataReport(
        verb=check.verb,
        dataset=" + ".join(part.dataset for part in config.list_datasets()),
        settings={
            "tokenizer": config.tokenizer_name_or_path or config.model_name_or_path,
            "chat_template": config.chat_template or "of the tokenizer",
            "template_digest": loader.tokenizer.template_digest,
            "max_length": loader.limits.max_length,
            "truncation_mode": loader.limits.truncation_mode,
        },
        rows=encoded.summarize(),
        token_lengths={name: compute_quantiles(found) for name, found in notes.lengths.items()},
        tokens=notes.tokens,
        loss_share=notes.tokens_with_loss / notes.tokens if notes.tokens else None,
        shown=notes.shown,
    )


@dataclass
class NotingMethod:
    """A training method that notes what its rows become, and encodes them as it always does."""

    method: RowMethod
    most_shown: int
    lengths: dict[str, list[int]] = field(default_factory=dict)
    tokens: int = 0
    tokens_with_loss: int = 0
    shown: list[ShownRow] = field(default_factory=list)

    def load_rows(self, dataset: str, audit: SourceAudit) -> Iterator[Mapping[str, Any]]:
        """As the method."""
        return self.method.load_rows(dataset, audit)

    def encode(self, row: Mapping[str, Any], tokenizer: ChatTokenizer, limits: Limits) -> _Encoded:
        """As the method; notes lengths, tokens with a loss, and the first rows whole."""
        whole = self.method.encode(row, tokenizer, _UNLIMITED)
        result = whole
        if not isinstance(whole, Skipped):
            for name, length in measure_columns(whole[0]).items():
                self.lengths.setdefault(name, []).append(length)
            result = self.method.encode(row, tokenizer, limits)
        if not isinstance(result, Skipped):
            for view in list_views(result[0]).values():
                self.tokens += len(view.ids)
                self.tokens_with_loss += sum(view.loss)
        if len(self.shown) < self.most_shown:
            name = name_row(row, len(self.shown))
            self.shown.append(build_shown(name, row, (whole, result), tokenizer))
        return result


def list_views(columns: TokenColumns) -> dict[str, TokenSequence]:
    """The token sequences of a row: the dialogue, or the prompt with either response."""
    if "input_ids" in columns:
        loss = [label != IGNORED for label in columns["labels"]]
        return {"dialogue": TokenSequence(columns["input_ids"], loss)}
    prompt = columns["prompt_ids"]
    views = {}
    for name in ("chosen", "rejected"):
        response = columns[f"{name}_ids"]
        loss = [False] * len(prompt) + [True] * len(response)
        views[name] = TokenSequence([*prompt, *response], loss)
    return views


def measure_columns(columns: TokenColumns) -> dict[str, int]:
    """Tokens of a row (what max_length bounds), and of the parts of a pair."""
    lengths = {"row": max(len(view.ids) for view in list_views(columns).values())}
    for name in ("prompt", "chosen", "rejected"):
        if f"{name}_ids" in columns:
            lengths[name] = len(columns[f"{name}_ids"])
    return lengths


def build_shown(
    name: str, row: Mapping[str, Any], encoded: tuple[_Encoded, _Encoded], tokenizer: ChatTokenizer
) -> ShownRow:
    """A row as it is shown.

    Args:
        name: what the row is called.
        row: the row itself, for its roles.
        encoded: it without limits, and within them.
        tokenizer: what it was encoded with.
    """
    whole, result = encoded
    messages = row.get("messages") or [*row.get("prompt", ()), *row.get("chosen", ())]
    roles = tuple(message["role"] for message in messages)
    reason = result.reason if isinstance(result, Skipped) else None
    if isinstance(whole, Skipped):
        return ShownRow(name, roles, reason, False, {})
    kept = {} if isinstance(result, Skipped) else list_views(result[0])
    views = {
        title: build_pieces(view, kept.get(title), tokenizer.tokenizer, tokenizer.control_ids)
        for title, view in list_views(whole[0]).items()
    }
    return ShownRow(name, roles, reason, not isinstance(result, Skipped) and result[1], views)


def _load_training(
    check: DataCheckConfig, file: str | None, path: str | None, overrides: Sequence[str]
) -> TrainingConfig:
    given = list(overrides)
    if path is None:
        if file is None:
            raise ConfigError("arguments", "no FILE", "alignray data check FILE, or --config FILE")
        given = ["output_dir=unused", f"model_name_or_path={DEFAULT_MODEL}", *given]
    if file is not None:
        given += [f"dataset={json.dumps(file)}", "dataset_mixture=[]"]
    cls = SFTStageConfig if check.verb == "sft" else DPOStageConfig
    config, _ = load_training_config(cls, (path, None), given)
    return config
