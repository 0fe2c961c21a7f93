"""`alignray pairs`: ranked prompts -> data/train.parquet, data/sft.parquet, metrics and a card."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from typing import Any

from alignray.artifacts import Counts, Stage, open_stage, read_record
from alignray.config.pairs import PairsConfig
from alignray.durable import explain_os_error, write_text
from alignray.errors import VerdictError
from alignray.progress import Progress
from alignray.ranking.best import BestResponse, select_best
from alignray.ranking.pair_audit import PairTables
from alignray.ranking.pair_card import render_card
from alignray.ranking.pair_files import RankedFiles, RecordFile
from alignray.ranking.pairs import build_preference, select_pairs
from alignray.records import Preference, RowStatus

_PROGRESS_ROWS = 500


def run_pairs(config: PairsConfig) -> dict[str, Any]:
    """Runs the stage, or returns the record of a finished one.

    Raises:
        SourceError: no such ranking, or files of another shape.
        VerdictError: no pair, or no best response, in all of it.
        ArtifactError: the output directory belongs to another configuration, or cannot be written.
    """
    ranked = RankedFiles(config.ranked)
    stage = open_stage(config, "pairs")
    if stage.finished:
        return read_record(stage.path)
    try:
        tables, statuses = _write_data(config, ranked, stage)
    except OSError as error:
        raise explain_os_error(error, stage.path) from error
    metrics = tables.to_metrics()
    write_text(stage.path / "README.md", render_card(config, metrics, config.sft_per_prompt > 0))
    return stage.write_record(_build_counts(statuses), metrics)


def _write_data(
    config: PairsConfig, ranked: RankedFiles, stage: Stage
) -> tuple[PairTables, Counter[str]]:
    """Reads the ranking once and writes both files; they get their names only when all is well."""
    tables = PairTables()
    statuses: Counter[str] = Counter()
    data = stage.path / "data"
    with ExitStack() as stack:
        progress = stack.enter_context(Progress("pairs", ranked.num_rows))
        pairs = stack.enter_context(RecordFile(data / "train.parquet", Preference.ARROW_SCHEMA))
        best = stack.enter_context(RecordFile(data / "sft.parquet", BestResponse.ARROW_SCHEMA))
        for number, row in enumerate(ranked):
            statuses[row.status] += 1
            found = select_pairs(row, config)
            chosen = select_best(row, found.candidates, config)
            tables.add(row, found, len(chosen))
            pairs.write([build_preference(row, pair) for pair in found.pairs])
            best.write(chosen)
            if number % _PROGRESS_ROWS == 0:
                _show(progress, number, statuses)
        _show(progress, ranked.num_rows, statuses)
        _check_yield(tables, config)
        pairs.finish()
        if _has_best(tables, config):
            best.finish()
    return tables, statuses


def _show(progress: Progress, rows: int, statuses: Counter[str]) -> None:
    progress.update(rows, 0, statuses[RowStatus.UNSCORED], statuses[RowStatus.FAILED])


def _check_yield(tables: PairTables, config: PairsConfig) -> None:
    total = tables.total
    if total.pairs == 0:
        reasons = ", ".join(
            f"{count} {reason}" for reason, count in total.prompts_without_pairs.most_common()
        )
        raise VerdictError(
            config.ranked,
            f"no pair from {total.prompts} prompts ({reasons})",
            f"responses whose ratings differ by at least {config.margin}",
            "lower margin, sample more or more varied responses, or look at the ranking",
        )


def _has_best(tables: PairTables, config: PairsConfig) -> bool:
    """Whether data/sft.parquet has rows; said aloud where it was asked for and has none."""
    if config.sft_per_prompt > 0 and tables.total.best_responses == 0:
        print(
            f"pairs: no data/sft.parquet: no response of {tables.total.prompts} prompts is rated"
            f" {config.sft_min_rating} or more (sft_min_rating)",
            file=sys.stderr,
        )
    return config.sft_per_prompt > 0 and tables.total.best_responses > 0


def _build_counts(statuses: Counter[str]) -> Counts:
    """Rows of the ranking by the state that they came in: pairs asks no engine, so none changes."""
    return Counts(
        rows_in=statuses.total(),
        ok=statuses[RowStatus.OK],
        unscored=statuses[RowStatus.UNSCORED],
        failed=statuses[RowStatus.FAILED],
    )
