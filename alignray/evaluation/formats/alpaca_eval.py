"""AlpacaEval's files, read and written: annotations of pairs, and outputs of models.

Form of tatsu-lab/alpaca_eval (Apache-2.0): a JSON list of objects, pandas' `orient="records"`.
`preference` is 1 where output_1 wins, 2 where output_2 wins, anything between for weighted
annotators; 0 (older files) and 1.5 are ties, null is a judge that could not be read. By convention
output_1 is the reference and output_2 the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.reading import Row, require_text
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.formats.writing import write_content

_ANNOTATION_TEXTS = (
    "instruction",
    "output_1",
    "output_2",
    "generator_1",
    "generator_2",
)
_OUTPUT_TEXTS = ("instruction", "output", "generator")


@dataclass(frozen=True)
class Annotation:
    """One judgement of a pair.

    Example: `Annotation("Hi", "Hello.", "Yo.", "text_davinci_003", "alpaca-7b",
    "alpaca_eval_gpt4", preference=1)`: the reference is better.
    """

    instruction: str | None
    output_1: str | None
    output_2: str | None
    generator_1: str | None
    generator_2: str | None
    annotator: str | int | None
    """A configuration's name; people are numbered."""
    preference: float | None
    """1 to 2, or 0; None where the judge's reply could not be read."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the file says: dataset, price_per_example, raw_completion, ..."""
    where: str = field(default="", compare=False)
    """File and row, for messages."""

    def to_row(self) -> Row:
        """The row of the file; a text that the file lacked is left out again."""
        texts = {name: getattr(self, name) for name in (*_ANNOTATION_TEXTS, "annotator")}
        known = {name: text for name, text in texts.items() if text is not None}
        return {**known, "preference": self.preference, **self.extra}


@dataclass(frozen=True)
class ModelOutput:
    """One answer of one model, as AlpacaEval takes it.

    Example: `ModelOutput("Hi", "Hello.", "alpaca-7b", {"dataset": "helpful_base"})`.
    """

    instruction: str
    output: str
    generator: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_row(self) -> Row:
        """The row of the file."""
        row = {name: getattr(self, name) for name in _OUTPUT_TEXTS}
        return {**row, **self.extra}


def read_annotations(path: Path) -> list[Annotation]:
    """The judgements of a file (JSON, JSONL or CSV).

    Raises:
        SourceError: no `preference`, or one that is neither 0, 1 to 2 nor null; the row is named.
    """
    annotations = []
    for where, row in read_table(path):
        texts = {name: _read_text(where, row, name) for name in _ANNOTATION_TEXTS}
        annotator = row.get("annotator")
        if not isinstance(annotator, str | int | None):
            raise SourceError(where, f"annotator is {type(annotator).__name__}", "a name")
        known = {**texts, "annotator": annotator}
        named = {name for name, value in known.items() if value is not None} | {"preference"}
        rest = {name: value for name, value in row.items() if name not in named}
        preference = _read_preference(where, row)
        annotations.append(
            Annotation(**texts, annotator=annotator, preference=preference, extra=rest, where=where)
        )
    if not annotations:
        raise SourceError(str(path), "no rows", "at least one annotation")
    return annotations


def write_annotations(path: Path, annotations: Sequence[Annotation]) -> None:
    """Writes judgements as AlpacaEval's `annotations.json`.

    Raises:
        StorageError: no space, no permission.
    """
    write_content(path, [annotation.to_row() for annotation in annotations])


def read_model_outputs(path: Path) -> list[ModelOutput]:
    """The outputs of a file (JSON, JSONL or CSV); without `generator` the file's name is it.

    Raises:
        SourceError: a row without `instruction` or `output`; it is named.
    """
    outputs = []
    for where, row in read_table(path):
        instruction = require_text(where, row, "instruction")
        output = require_text(where, row, "output")
        generator = _read_text(where, row, "generator") or path.stem
        rest = {name: value for name, value in row.items() if name not in _OUTPUT_TEXTS}
        outputs.append(ModelOutput(instruction, output, generator, rest))
    if not outputs:
        raise SourceError(str(path), "no rows", "at least one output")
    return outputs


def write_model_outputs(path: Path, outputs: Sequence[ModelOutput]) -> None:
    """Writes outputs as AlpacaEval's `model_outputs.json`.

    Raises:
        StorageError: no space, no permission.
    """
    write_content(path, [output.to_row() for output in outputs])


def _read_text(where: str, row: Row, name: str) -> str | None:
    """The text of a column that may be missing or null."""
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise SourceError(where, f"`{name}` is {type(value).__name__}", "text")
    return value


def _read_preference(where: str, row: Row) -> float | None:
    """0, 1 to 2, or None; of a CSV cell too, where an empty one is null."""
    if "preference" not in row:
        raise SourceError(
            where,
            f"no `preference` among {', '.join(map(str, row))}",
            "annotations of AlpacaEval: instruction, output_1, output_2, preference",
        )
    value = row["preference"]
    if isinstance(value, str):
        value = _parse_cell(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (value == 0 or 1 <= value <= 2):
        raise SourceError(
            where,
            f"preference {value!r:.40}",
            "1 (output_1 wins) to 2 (output_2 wins), 0 or 1.5 (tie), or null (unread)",
        )
    preference: float = value
    return preference


def _parse_cell(text: str) -> float | str | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return text
