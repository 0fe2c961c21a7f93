"""`alignray score win_rate FILE...`: AlpacaEval annotations into win rates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alignray.config.base import Config
from alignray.errors import ConfigError
from alignray.evaluation.formats.alpaca_eval import Annotation, read_annotations
from alignray.evaluation.formats.reading import is_number
from alignray.evaluation.scoring.score import Place, Score, ScoreReport
from alignray.evaluation.scoring.win_rate import (
    flip_preference,
    score_length_controlled,
    score_win_rate,
)

_BENCHMARK = "alpaca_eval"
_Pair = tuple[str, str, str | int | None]
"""Model, reference, annotator."""


class Options(Config):
    """Win rate, standard error and discrete win rate of AlpacaEval `annotations.json` files.

    One score for each model, reference and annotator. The model is generator_2, as AlpacaEval
    writes it, unless one of the options says otherwise.
    """

    model: str | None = None
    """Name of the model; in rows where it is generator_1 the preference is turned round."""
    reference: str | None = None
    """Name of the reference; in rows where it is generator_2 the preference is turned round."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Scores of each model against its reference.

    Raises:
        SourceError: a file of another shape.
        ConfigError: a row in which neither side has the name of an option.
        EvaluationError: a model without a preference that could be read.
    """
    groups: dict[_Pair, list[Annotation]] = defaultdict(list)
    for file in files:
        for annotation in read_annotations(file):
            turned = _orient(annotation, options)
            model = turned.generator_2 or options.model or _guess_model(file)
            reference = turned.generator_1 or options.reference or "reference"
            groups[model, reference, turned.annotator].append(turned)
    scores, notes = [], []
    for pair, judged in groups.items():
        scores += _score_group(pair, judged)
        notes += _describe_group(pair, judged)
    return ScoreReport(scores, {}, notes)


def _orient(annotation: Annotation, options: Options) -> Annotation:
    """The annotation with the model as output 2."""
    first, second = annotation.generator_1, annotation.generator_2
    if first is None and second is None:
        return annotation
    if options.model not in (None, first, second) or options.reference not in (None, first, second):
        raise ConfigError(
            annotation.where,
            f"generators {first} and {second}",
            " against ".join(name for name in (options.model, options.reference) if name),
            "give model= or reference= as the file spells it",
        )
    is_turned = options.model not in (None, second) or options.reference not in (None, first)
    if not is_turned:
        return annotation
    extra = dict(annotation.extra)
    if is_number(extra.get("glm_preference")):
        extra["glm_preference"] = 1 - extra["glm_preference"]
    return replace(
        annotation,
        output_1=annotation.output_2,
        output_2=annotation.output_1,
        generator_1=second,
        generator_2=first,
        preference=flip_preference(annotation.preference),
        extra=extra,
    )


def _guess_model(file: Path) -> str:
    """Of a file without generators: `results/MODEL/ANNOTATOR/annotations.json`, or its name."""
    parts = file.resolve().parts
    return parts[-3] if file.stem == "annotations" and len(parts) > 3 else file.stem


def _score_group(pair: _Pair, annotations: Sequence[Annotation]) -> list[Score]:
    model, reference, annotator = pair
    place = Place(model, _BENCHMARK)
    names = {"reference": reference, "annotator": annotator}
    scores = [score_win_rate(place, [annotation.preference for annotation in annotations])]
    predictions = [_read_prediction(annotation) for annotation in annotations]
    if None not in predictions:
        known = [value for value in predictions if value is not None]
        scores.append(score_length_controlled(place, known))
    return [replace(score, extra=score.extra | names) for score in scores]


def _read_prediction(annotation: Annotation) -> float | None:
    value = annotation.extra.get("glm_preference")
    return float(value) if value is not None and is_number(value) and 0 <= value <= 1 else None


def _describe_group(pair: _Pair, annotations: Sequence[Annotation]) -> list[str]:
    """What a reader must know: unread judgements, repeated rows, and what is not there."""
    who = f"{pair[0]} against {pair[1]}"
    notes = []
    unread = [annotation.where for annotation in annotations if annotation.preference is None]
    if unread:
        shown = ", ".join(unread[:5]) + (", ..." if len(unread) > 5 else "")
        notes.append(f"{who}: {len(unread)} judgements could not be read and are left out: {shown}")
    asked = Counter(a.instruction for a in annotations if a.instruction is not None)
    repeated = sum(count - 1 for count in asked.values())
    if repeated:
        notes.append(
            f"{who}: {repeated} rows repeat an instruction; each counts, as in AlpacaEval's code"
        )
    if any(_read_prediction(annotation) is None for annotation in annotations):
        notes.append(
            f"{who}: no length-controlled win rate: it needs the publisher's instruction"
            " difficulties, or a glm_preference in every row"
        )
    return notes
