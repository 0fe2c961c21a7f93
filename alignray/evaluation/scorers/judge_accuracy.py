"""`alignray score judge_accuracy FILE...`: a judge's verdicts against gold labels.

PandaLM: the test set with annotators and judges' files on it. LLMBar: `result.json`. Else any table
with a gold and a verdict column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from alignray.config.base import Config
from alignray.errors import SourceError
from alignray.evaluation.formats import both_orders, pandalm
from alignray.evaluation.formats.columns import find_column, strip_suffixes
from alignray.evaluation.formats.labels import (
    GOLD_NAMES,
    JUDGE_NAMES,
    Table,
    choose_column,
    read_label,
    read_table,
)
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.judge_quality import score_against_gold, take_majority
from alignray.evaluation.scoring.published_judges import score_llmbar, score_pandalm_rule
from alignray.evaluation.scoring.score import Place, ScoreReport


class Options(Config):
    """Accuracy, macro precision, recall and F1, and kappa of a judge's verdicts with gold labels.

    PandaLM (gold file and judges' files together), LLMBar's result.json, or a table with both.
    """

    gold: str | None = None
    """Column of the right labels (a table); else `gold`, `label`, ..."""
    judge: str | None = None
    """Column of the judge's verdicts (a table); else `verdict`, `winner`, ..."""
    seed: int = Field(default=0, ge=0)
    """Of the bootstrap."""
    num_resamples: int = Field(default=1000, ge=100, le=100_000)
    """Of the bootstrap."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Scores of each judge.

    Raises:
        SourceError: a file of another shape; verdicts without gold.
        EvaluationError: no row with both.
    """
    tables = [read_table(file) for file in files]
    resampling = Resampling(options.seed, options.num_resamples)
    plain = options.gold is not None or options.judge is not None
    gold = [table for table in tables if not plain and pandalm.is_gold(table)]
    verdicts = [table for table in tables if not plain and pandalm.is_verdicts(table)]
    if verdicts:
        return _score_pandalm(gold, verdicts, tables, resampling)
    report = ScoreReport([])
    for table in tables:
        if both_orders.is_llmbar(table) and not plain:
            part = _score_llmbar(table)
        else:
            part = _score_table(table, options, resampling)
        report.scores.extend(part.scores)
        report.notes.extend(part.notes)
        report.details.update(part.details)
    return report


def _score_pandalm(
    gold: Sequence[Table], judges: Sequence[Table], tables: Sequence[Table], resampling: Resampling
) -> ScoreReport:
    others = [table for table in tables if table not in gold and table not in judges]
    if len(gold) != 1 or others:
        where = str((others or list(judges))[0].path)
        found = (
            f"{_list(gold)} with annotators' labels, {_list(judges)} with verdicts,"
            f" {_list(others)} with neither"
        )
        raise SourceError(where, found, "one testset-v1.json with annotators, and judges' files")
    votes = pandalm.read_votes(gold[0])
    right = {id_: take_majority(labels) for id_, labels in votes.items()}
    report = ScoreReport([], {"gold_counts": _count(right.values())})
    for table in judges:
        found_verdicts = pandalm.read_verdicts(table)
        place = Place(found_verdicts.judge, strip_suffixes(gold[0].path))
        given = [found_verdicts.by_id.get(id_) for id_ in votes]
        report.scores.extend(
            score_against_gold(place, list(right.values()), given, pandalm.CLASSES, resampling)
        )
        strange = [id_ for id_ in found_verdicts.by_id if id_ not in votes]
        if strange:
            report.notes.append(f"{place.model}: {len(strange)} verdicts without gold left out")
        published = score_pandalm_rule(votes, found_verdicts.by_id, pandalm.CLASSES)
        report.details[f"published_rule:{place.model}"] = published
        if None in given or None in right.values():
            report.notes.append(
                f"{place.model}: {given.count(None)} rows without a readable verdict are unscored;"
                f" the publisher counts them as ties: accuracy {published['accuracy']:.4f}"
            )
    return report


def _list(tables: Sequence[Table]) -> str:
    names = f" ({', '.join(table.path.name for table in tables)})" if tables else ""
    return f"{len(tables)} files{names}"


def _score_llmbar(table: Table) -> ScoreReport:
    place = name_llmbar(table.path)
    scores, statistics = score_llmbar(place, both_orders.read_llmbar(table))
    note = (
        "statistics are the publisher's counts (a reply not read is wrong, two not read are equal);"
        " its kappa is not computed: labels 2 are read as 0 there"
    )
    return ScoreReport(scores, {f"statistics:{place.model}:{place.benchmark}": statistics}, [note])


def name_llmbar(path: Path) -> Place:
    """Judge and set of `<set>/evaluators/<model>/<prompting>/result.json`, else the file's name."""
    parts = path.resolve().parts
    if "evaluators" in parts[1:-2]:
        at = len(parts) - 1 - parts[::-1].index("evaluators")
        return Place("/".join(parts[at + 1 : -1]), parts[at - 1])
    return Place(strip_suffixes(path), "LLMBar")


def _score_table(table: Table, options: Options, resampling: Resampling) -> ScoreReport:
    if pandalm.is_gold(table) and options.judge is None:
        raise SourceError(
            str(table.path), "annotators' labels and no verdicts", "a judge's file beside it",
            "for agreement between annotators: alignray score agreement FILE",
        )  # fmt: skip
    gold_column = choose_column(table, options.gold, GOLD_NAMES, "gold")
    judge_column = choose_column(table, options.judge, JUDGE_NAMES, "verdict")
    gold = [read_label(where, row, gold_column) for where, row in table.rows]
    given = [read_label(where, row, judge_column) for where, row in table.rows]
    classes = sorted({label for label in [*gold, *given] if label is not None})
    judges = _name_judges(table, (gold_column, judge_column), classes)
    report = ScoreReport([])
    for judge in dict.fromkeys(judges):
        own = [at for at, name in enumerate(judges) if name == judge]
        place = Place(judge, strip_suffixes(table.path))
        labels = [gold[at] for at in own], [given[at] for at in own]
        if not any(None not in pair for pair in zip(*labels, strict=True)):
            report.notes.append(f"{judge}: none of {len(own)} rows has both labels: no score")
            continue
        own_classes = sorted({label for part in labels for label in part if label is not None})
        report.scores.extend(score_against_gold(place, *labels, own_classes, resampling))
    if not report.scores:  # says that there is nothing to make a rate of
        place = Place(judge_column, strip_suffixes(table.path))
        score_against_gold(place, gold, given, classes, resampling)
    return report


def _name_judges(table: Table, taken: tuple[str, str], classes: Sequence[str]) -> list[str]:
    """The judge of each row by a column that names it, else the column of the verdicts."""
    free = {name: None for name in table.columns if name not in taken}
    column = find_column(free, ("judge", "evaluator", "model"))
    names = [] if column is None else [read_label(where, row, column) for where, row in table.rows]
    if not names or set(names) <= {None, *classes}:  # another judge's labels, not names
        return [taken[1]] * len(table.rows)
    return [
        str(row[column]).strip() if column and name is not None else taken[1]
        for name, (_, row) in zip(names, table.rows, strict=True)
    ]


def _count(labels: Iterable[str | None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for label in labels:
        counts[label or "(no majority)"] = counts.get(label or "(no majority)", 0) + 1
    return dict(sorted(counts.items()))
