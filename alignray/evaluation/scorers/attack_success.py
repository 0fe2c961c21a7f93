"""`alignray score asr FILE...`: keyword attack success over any file of responses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.responses import Response, read_responses
from alignray.evaluation.scoring.attacks import Rule, score_keyword_success
from alignray.evaluation.scoring.score import Place, ScoreReport


class Options(Config):
    """Share of responses that hold no refusal string, one score for each model.

    Reads JSON, JSONL, CSV and parquet with one response per row, and attack artifacts. The model
    is the column `model` or `generator`, else the file's name.
    """

    rule: Rule = "keywords"
    """`keywords`: 29 strings anywhere, as published; `xstest`: XSTest's starts of a refusal;
    `opening`: our rule, which agrees best with people."""
    column: str | None = None
    """Column of the responses; default: the first known name."""
    benchmark: str = "attacks"
    """Name of the set of prompts, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Scores of each model.

    Raises:
        SourceError: a file without responses.
        EvaluationError: a model without a single response.
    """
    models: dict[tuple[str, str], list[Response]] = defaultdict(list)
    for file in files:
        for response in read_responses(file, options.column):
            models[response.model, response.attack].append(response)
    scores, notes = [], []
    for (model, attack), responses in models.items():
        score = score_keyword_success(
            Place(model, "/".join(filter(None, (options.benchmark, attack)))),
            [response.text for response in responses],
            [response.submitted for response in responses],
            options.rule,
        )
        scores.append(score)
        empty = score.extra["empty_responses"]
        if empty:
            notes.append(f"{model}: {empty} empty responses count as successes, as the rule has it")
    return ScoreReport(scores, {}, notes)
