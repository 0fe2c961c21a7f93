"""Opening a ledger again: what is finished, and what an input that changed since leaves valid.

Resume goes by input position while the input is the same (its digest is kept beside the ledger).
Where it changed, e.g. because failed answers were made anew before they are judged again, the old
rows are set aside and taken over by key.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from alignray.config.judge_engines import AnyEngineConfig
from alignray.durable import compute_file_digest, make_directory, write_json
from alignray.inference.consolidate import recover_swap
from alignray.inference.ledger import Shard, check_salt, read_shards, remove_debris
from alignray.inference.reuse import reuse_rows
from alignray.inference.row_task import RowTask
from alignray.models import resolve_model

INPUT_NAME = "input.json"
EARLIER_DIR = ".earlier"


def open_ledger(
    task: RowTask,
    input_files: Sequence[Path],
    stage_dir: Path,
    reuse_from: Sequence[Path] = (),
    *,
    retry_failed: bool = False,
) -> list[Shard]:
    """The committed shards of a stage that fit its input as it is now.

    Args:
        task: the stage's work on one row.
        input_files: parquet files whose rows, in this order, are the input.
        stage_dir: the stage's directory.
        reuse_from: directories of earlier runs whose rows are taken over where still valid; looked
            at after the stage's own rows that the input left stale were set aside.
        retry_failed: take over rows whose place in this stage is a failed one, too.

    Raises:
        LedgerError: the directory holds rows of another configuration.
    """
    make_directory(stage_dir / "ledger")
    recover_swap(stage_dir)
    _set_stale_rows_aside(input_files, stage_dir)
    earlier = stage_dir / EARLIER_DIR
    reuse_rows(task, input_files, [earlier, *reuse_from], stage_dir, retry_failed=retry_failed)
    shutil.rmtree(earlier, ignore_errors=True)
    shards = read_shards(stage_dir)
    check_salt(shards, task.salt, stage_dir)
    remove_debris(stage_dir, shards)
    return shards


def _set_stale_rows_aside(input_files: Sequence[Path], stage_dir: Path) -> None:
    note, digests = stage_dir / "ledger" / INPUT_NAME, [compute_file_digest(f) for f in input_files]
    if note.is_file() and json.loads(note.read_text()) != digests:
        earlier = stage_dir / EARLIER_DIR
        shutil.rmtree(earlier, ignore_errors=True)
        earlier.mkdir()
        (stage_dir / "ledger").rename(earlier / "ledger")
        if (stage_dir / "data").is_dir():
            (stage_dir / "data").rename(earlier / "data")
        make_directory(stage_dir / "ledger")
    if not note.is_file():
        write_json(note, digests)


def resolve_engine(engine: AnyEngineConfig) -> AnyEngineConfig:
    """The engine with absolute paths: actors do not share the driver's working directory."""
    if engine.type == "reward":
        path = resolve_model(engine.model_name_or_path)
        return engine.model_copy(update={"model_name_or_path": path})
    if engine.type != "vllm":
        return engine
    adapters = {name: resolve_model(path) for name, path in engine.adapters.items()}
    model = resolve_model(engine.model_name_or_path)
    return engine.model_copy(update={"model_name_or_path": model, "adapters": adapters})
