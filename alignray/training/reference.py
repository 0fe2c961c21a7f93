"""Log-probabilities of responses under the reference model, computed once and kept by row.

A pass of Ray Data before the training: actors that hold the reference score blocks of pairs, in
order of length so that little is padded, and commit each block as a file. A row's key is a hash of
its token ids (which hold the template), the reference's content and how it is scored, so a pass
that was killed goes on, and a changed reference, template or row is scored anew. The training
then holds one copy of the weights and runs one forward less per step, however it shards its own
model. Worth it from two epochs on: 8P FLOPs a token become 6P + 2P/epochs (full weights).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.config.dpo import DPOStageConfig
from alignray.durable import make_directory, write_bytes
from alignray.errors import AlignrayError, StorageError, TrainingError, find_error_line
from alignray.models import compute_model_identity
from alignray.training.error_log import write_error_log
from alignray.training.pair_layout import choose_layout
from alignray.training.rows.encoding import Row

REFERENCE_DIR = "reference"
_PAIRS_PER_BLOCK = 256
_COLUMNS = ("ref_chosen_logps", "ref_rejected_logps")
_TOKEN_COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids")


def attach_reference(rows: Sequence[Row], config: DPOStageConfig, stage_dir: Path) -> list[Row]:
    """The rows with `ref_chosen_logps` and `ref_rejected_logps`; Ray is running.

    Raises:
        TrainingError: the pass failed, or left a row without a score that is a number.
        StorageError: the scores cannot be read or written.
    """
    directory = stage_dir / REFERENCE_DIR
    make_directory(directory)
    for debris in directory.glob(".block-*.tmp"):  # of a pass that was killed
        debris.unlink(missing_ok=True)
    salt = compute_salt(config)
    keys = [compute_key(row, salt) for row in rows]
    known = read_scores(directory)
    missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
    if missing:
        with _explained(stage_dir):
            _score(missing, config, directory)
        known = read_scores(directory)
    _check_scores(rows, keys, known, directory)
    return [
        {**row, **dict(zip(_COLUMNS, known[key], strict=True))}
        for key, row in zip(keys, rows, strict=True)
    ]


def compute_salt(config: DPOStageConfig) -> str:
    """A hash of all that decides a score besides the row."""
    models = [(config.model_name_or_path, config.model_revision)]
    if config.ref_model_name_or_path is not None:
        models = [(config.ref_model_name_or_path, config.ref_model_revision)]
    elif config.adapter_name_or_path is not None:
        models.append((config.adapter_name_or_path, "main"))
    content = [
        *(compute_model_identity(name, revision) for name, revision in models),
        config.dtype,
        config.bf16,
        config.ld_alpha,
        config.load_in_4bit,
        config.load_in_8bit,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def compute_key(row: Row, salt: str) -> str:
    """The key of a row: its token ids under a salt."""
    text = json.dumps([salt, *(row[name] for name in _TOKEN_COLUMNS)], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_scores(directory: Path) -> dict[str, tuple[float, float]]:
    """Key -> (chosen, rejected), of all whole blocks; torn ones are deleted, to be scored again.

    Raises:
        StorageError: a block is there and cannot be read now.
    """
    scores = {}
    for file in sorted(directory.glob("block-*.parquet")):
        try:
            content = file.read_bytes()
        except OSError as error:
            found = f"cannot be read ({error.strerror})"
            raise StorageError(str(file), found, "", "make it readable and run again") from error
        rows = _parse_block(content)
        if rows is None:
            file.unlink(missing_ok=True)
        for row in rows or ():
            scores[row["key"]] = (row[_COLUMNS[0]], row[_COLUMNS[1]])
    return scores


def _parse_block(content: bytes) -> list[dict[str, Any]] | None:
    """The rows of a block; None where it is not whole."""
    try:
        table = pq.read_table(pa.BufferReader(content), columns=["key", *_COLUMNS])
        table.validate(full=True)
    except (pa.ArrowException, OSError):  # in memory: damage, not the disk
        return None
    return None if table.num_columns != 1 + len(_COLUMNS) else table.to_pylist()


def _check_scores(
    rows: Sequence[Row],
    keys: Sequence[str],
    known: Mapping[str, tuple[float, float]],
    directory: Path,
) -> None:
    for key, row in zip(keys, rows, strict=True):
        found = known.get(key, ())
        if not found or any(value != value or abs(value) == float("inf") for value in found):
            state = "no score" if not found else f"scores {found}"
            raise TrainingError(
                f"row {row['names'][0]}",
                f"{state} under the reference model",
                "two finite log-probabilities",
                f"look at the reference model; scores are in {directory}",
            )


@contextlib.contextmanager
def _explained(stage_dir: Path) -> Iterator[None]:
    """What ends the pass ends it in one line; its traceback goes to logs/error.txt."""
    import ray.exceptions

    try:
        yield
    except Exception as error:  # the boundary: Ray Data's errors have no common base class
        if isinstance(error, AlignrayError) and not isinstance(error, ray.exceptions.RayError):
            raise
        see = write_error_log(stage_dir, str(error))
        line = find_error_line(str(error)) or type(error).__name__
        raise TrainingError(
            str(stage_dir),
            f"the reference model's scores were not computed ({line[:300]})",
            "",
            f"{see}; run again to go on from the scores that are there",
        ) from error


def _score(missing: Mapping[str, Row], config: DPOStageConfig, directory: Path) -> None:
    """Scores the rows on as many actors as the training has workers."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    DataContext.get_current().enable_progress_bars = False
    ordered = sorted(missing.items(), key=lambda item: item[1]["length"])
    records = [{"key": key, **{n: row[n] for n in _TOKEN_COLUMNS}} for key, row in ordered]
    blocks = [
        pa.Table.from_pylist(records[start : start + _PAIRS_PER_BLOCK])
        for start in range(0, len(records), _PAIRS_PER_BLOCK)
    ]
    resources = config.resources
    actors = min(resources.num_workers, len(blocks))
    needs: dict[str, Any] = {"num_cpus": resources.num_cpus}
    if resources.num_gpus:
        needs["num_gpus"] = resources.num_gpus
    ray.data.from_arrow(blocks).map_batches(
        ReferenceScorer,
        batch_size=None,
        batch_format="pyarrow",
        fn_constructor_args=(config, directory),
        compute=ActorPoolStrategy(size=actors),
        **needs,
    ).materialize()


class ReferenceScorer:
    """An actor that holds the reference model and commits the scores of blocks of pairs."""

    def __init__(self, config: DPOStageConfig, directory: Path) -> None:
        import torch
        from trl.trainer.utils import add_fused_lm_head

        from alignray.training.policy import load_reference_weights, load_tokenizer
        from alignray.training.probe import settle_layout

        torch.set_num_threads(config.resources.omp_threads)
        self._config = config
        self._directory = directory
        self._layout = choose_layout(config)
        self._model = load_reference_weights(config).eval()
        base = self._model.get_base_model() if hasattr(self._model, "peft_config") else self._model
        add_fused_lm_head(base)
        if self._layout == "shared_prefix":
            self._layout = settle_layout([self._model], self._model, config.resources.layout)
        tokenizer = load_tokenizer(config).tokenizer
        found = tokenizer.pad_token_id
        self._pad_token_id = int(found if found is not None else tokenizer.eos_token_id)

    def __call__(self, block: pa.Table) -> pa.Table:
        """Scores a block, commits it, and returns how many pairs it has."""
        pairs = [{**pair, "row": at} for at, pair in enumerate(block.to_pylist())]
        size = self._config.resources.per_device_train_batch_size
        scored = [self.score(pairs[at : at + size]) for at in range(0, len(pairs), size)]
        columns = {
            "key": block["key"],
            **{
                name: pa.array([value for batch in scored for value in batch[at]], pa.float64())
                for at, name in enumerate(_COLUMNS)
            },
        }
        _commit(pa.table(columns), self._directory)
        return pa.table({"pairs": [len(pairs)]})

    def score(self, pairs: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
        """Log-probabilities of the chosen and of the rejected responses."""
        import torch

        from alignray.training.dpo_scores import score_branches, weigh_tail
        from alignray.training.pair_layout import build_model_inputs, collate_pairs

        device = self._model.device
        batch = collate_pairs([dict(pair) for pair in pairs], self._pad_token_id, self._layout)
        batch = {name: values.to(device) for name, values in batch.items()}
        inputs = build_model_inputs(batch, self._layout, self._model)
        with torch.no_grad():
            outputs = self._model(
                **inputs, shift_labels=batch["labels"], use_cache=False, fused_lm_head=True
            )
        scores = score_branches(outputs, batch, weigh_tail(batch, self._config.ld_alpha))
        return scores.chosen_B.tolist(), scores.rejected_B.tolist()


def _commit(table: pa.Table, directory: Path) -> None:
    """Writes a block beside its place first and to the disk, so that half a block never counts."""
    content = io.BytesIO()
    pq.write_table(table, content)
    write_bytes(directory / f"block-{uuid.uuid4().hex[:16]}.parquet", content.getvalue())
