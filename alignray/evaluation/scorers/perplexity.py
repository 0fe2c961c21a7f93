"""`alignray score perplexity FILE...`: perplexity of documents from their likelihoods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.evaluation.formats.token_logprobs import DocumentRow, read_documents
from alignray.evaluation.scoring.perplexity import score_perplexity
from alignray.evaluation.scoring.score import Place, ScoreReport


class Options(Config):
    """exp(total negative log-likelihood / total tokens) of each model, in natural logarithms.

    The model is the column `model`, else the file's name.
    """

    benchmark: str = "documents"
    """Name of the set of documents, for the report."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """The perplexity of each model.

    Raises:
        SourceError: a file of another shape.
        EvaluationError: a model without a scored document.
    """
    models: dict[str, list[DocumentRow]] = defaultdict(list)
    for file in files:
        for row in read_documents(file):
            models[row.model].append(row)
    scores = [
        score_perplexity(Place(model, options.benchmark), [row.document for row in rows])
        for model, rows in models.items()
    ]
    unscored = {
        model: [row.where for row in rows if not row.document or not row.document.tokens]
        for model, rows in models.items()
    }
    notes = [
        f"{model}: {len(rows)} documents have no usable likelihood and are left out"
        for model, rows in unscored.items()
        if rows
    ]
    shown = {model: rows[:100] for model, rows in unscored.items()}
    return ScoreReport(scores, {"unscored_rows": shown}, notes)
