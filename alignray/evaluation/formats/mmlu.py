"""MMLU's questions, and files of predictions: of generated letters, of logits, of the harness.

Questions (hendrycks/test) are CSVs without header: question, four choices, letter. Predictions:

- `{subject}_result.csv`: question, choice0..3 (or A..D, choices), answer, prediction, completion;
- `results_{model}/{subject}.csv` of `evaluate_hf.py` and of reference system 1: columns 0..5 as in
  the questions, then `{model}_correct` and `{model}_choiceA_probs` to D;
- `samples_mmlu_{subject}_*.jsonl` of lm-evaluation-harness: doc, target, acc.

Cells stay text: `None` and `NA` are answers that questions offer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, require_column, strip_suffixes
from alignray.evaluation.formats.reading import Row, read_csv
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.scoring.mmlu import LETTERS, Question
from alignray.evaluation.scoring.mmlu_categories import SUBCATEGORIES

_PREDICTIONS = ("prediction", "pred", "predicted", "predicted_answer", "model_answer", "output")
_ANSWERS = ("answer", "target", "label", "gold", "correct_answer", "ground_truth")
_CORRECT = ("correct", "correctness", "is_correct")
_SPACE = " \t\r\n"
_RIGHT = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True)
class Prediction:
    """One answered question; `right` is None where the prediction could not be read.

    Example: `Prediction("anatomy_result.csv[0]", "checkpoint-0", "anatomy", False)`.
    """

    where: str
    model: str
    subject: str
    right: bool | None
    question: str


def read_questions(path: Path) -> list[Question]:
    """The questions of a CSV without header.

    Raises:
        SourceError: a row without six cells, or whose answer is no letter from A to D.
    """
    questions = []
    for where, cells in read_csv(path, header=False):
        if len(cells) != len(LETTERS) + 2:
            raise SourceError(where, f"{len(cells)} cells", "question, four choices, letter")
        text, *choices, letter = list(cells)
        if letter.strip(_SPACE) not in LETTERS:
            raise SourceError(where, "the last cell is no letter", "A, B, C or D")
        answer = LETTERS.index(letter.strip(_SPACE))
        questions.append(Question(text, tuple(choices), answer))
    return questions


def read_predictions(path: Path) -> list[Prediction]:
    """The predictions of a file.

    Raises:
        SourceError: not such a file; the row is named.
    """
    rows = list(read_table(path))
    if not rows:
        raise SourceError(str(path), "no rows", "at least one prediction")
    first = rows[0][1]
    if "doc" in first and ("acc" in first or "exact_match" in first):
        return [_read_sample(where, row, path) for where, row in rows]
    suffix = next((name for name in map(str, first) if name.endswith("_correct")), None)
    if suffix is not None:
        model = suffix.removesuffix("_correct")
        return [_read_result(where, row, model, path) for where, row in rows]
    return _read_letters(rows, path)


def find_subject(path: Path) -> str:
    """The subject in a file's name: the longest of MMLU's that it holds, else the whole name."""
    stem = strip_suffixes(path).lower().replace("-", "_").replace(" ", "_")
    found = [name for name in SUBCATEGORIES if re.search(rf"(?:^|_){name}(?:$|_)", stem)]
    short = re.sub(r"_(?:results?|test|dev|val|predictions?)$", "", stem)
    return max(found, key=len) if found else short


def _read_letters(rows: Sequence[tuple[str, Row]], path: Path) -> list[Prediction]:
    where, first = rows[0]
    answer = require_column(where, first, _ANSWERS, "column of answers")
    right = find_column(first, _CORRECT)
    guess = find_column(first, _PREDICTIONS)
    if guess is None and right is None:
        guess = require_column(where, first, _PREDICTIONS, "column of predictions")
    for place, row in rows:
        missing = [name for name in (answer, guess or answer) if name not in row]
        if missing:
            raise SourceError(place, f"no `{missing[0]}`", "the columns of the first row")
    keys = _read_positions([row[answer] for _, row in rows])
    for (place, _), key in zip(rows, keys, strict=True):
        if key is None:
            raise SourceError(
                place, f"`{answer}` is no answer key", "A to D, or 0 to 3, alike in all rows"
            )
    if guess is None:
        assert right is not None  # one of both is there
        seen = [_read_right(row.get(right)) for _, row in rows]
    else:
        guesses = _read_positions([row[guess] for _, row in rows])
        seen = [
            None if position is None else position == key
            for position, key in zip(guesses, keys, strict=True)
        ]
    return [
        Prediction(place, *_name(row, path), outcome, str(row.get("question", "")))
        for (place, row), outcome in zip(rows, seen, strict=True)
    ]


def _read_positions(cells: Sequence[Any]) -> list[int | None]:
    """Letters A to D, or positions 0 to 3 where no cell of the column is a letter."""
    words = [_write_plain(cell) for cell in cells]
    if any(word in LETTERS for word in words):
        return [LETTERS.index(word) if word in LETTERS else None for word in words]
    return [int(word) if re.fullmatch("[0-3]", word) else None for word in words]


def _write_plain(cell: Any) -> str:
    if isinstance(cell, bool) or cell is None:
        return ""
    word = str(cell).strip(_SPACE)
    return word.removesuffix(".0") if re.fullmatch(r"[0-3]\.0", word) else word


def _read_result(where: str, row: Row, model: str, path: Path) -> Prediction:
    column = f"{model}_correct"
    if column not in row:
        raise SourceError(where, f"no `{column}`", "the columns of the first row")
    right = _read_right(row[column])
    probabilities = [row.get(f"{model}_choice{letter}_probs", "0") for letter in LETTERS]
    if any(str(cell).strip().lower() in ("", "nan", "none") for cell in probabilities):
        right = None  # no choice was made from no numbers
    found = Prediction(where, *_name(row, path), right, str(row.get("0", "")))
    return replace(found, model=model.rpartition("/")[2] or model)


def _read_sample(where: str, row: Row, path: Path) -> Prediction:
    doc = row.get("doc")
    if not isinstance(doc, dict):
        raise SourceError(where, "`doc` is no object", "a sample of lm-evaluation-harness")
    right = _read_right(row.get("acc", row.get("exact_match")))
    _, subject = _name(doc, path)
    return Prediction(where, path.resolve().parent.name, subject, right, str(doc.get("question")))


def _read_right(cell: Any) -> bool | None:
    return _RIGHT.get(str(cell).strip().lower())


def _name(row: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """(model, subject) of a row: its columns, else the names of folder and file."""
    subject = str(row.get("subject") or "").strip().lower().replace(" ", "_")
    model = str(row.get("model") or path.resolve().parent.name)
    return model, subject or find_subject(path)
