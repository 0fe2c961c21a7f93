"""Any file with one response per row: JSON, JSONL, CSV, parquet, attack artifacts.

The column is found by its usual names (`response`, `completion`, `output`, `answer`, ...), so that
the outputs of AlpacaEval, XSTest, HEx-PHI scripts, JailbreakBench and of our own stages are read
alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignray.errors import SourceError
from alignray.evaluation.formats.reading import Row, read_csv, read_objects, read_text

COLUMNS = (
    "response",
    "completion",
    "output",
    "answer",
    "ans",
    "generation",
    "generations",
    "responses",
    "generated_text",
    "model_output",
    "prediction",
)
_MODEL_COLUMNS = ("model", "generator")


@dataclass(frozen=True)
class Response:
    """One response; `text` is None where the file has none.

    Example: `Response("outputs.json[3]", "alpaca-7b", "Sure. ...", submitted=True)`.
    """

    where: str
    model: str
    text: str | None
    submitted: bool
    """False for a behaviour of an attack artifact for which nothing was submitted."""
    attack: str = ""
    """Method and type of the attack, of an artifact."""


def read_responses(path: Path, column: str | None = None) -> list[Response]:
    """The responses of a file; a list counts as that many, an empty one as a missing response.

    Args:
        path: the file.
        column: where the text is; None: the first of `COLUMNS` that the file has.

    Raises:
        SourceError: not such a file; the row is named.
    """
    responses: list[Response] = []
    for where, row, is_attack in _read_rows(path):
        column = column or _find_column(where, row)
        if column not in row:
            raise SourceError(
                where, f"no `{column}` among {', '.join(map(str, row))}", "", "give column=NAME"
            )
        model = next((str(row[key]) for key in _MODEL_COLUMNS if row.get(key)), path.stem)
        for text in _split_cell(where, column, row[column]):
            submitted = not is_attack or row[column] is not None
            responses.append(
                Response(where, model, text, submitted, row.get("_attack", "") if is_attack else "")
            )
    if not responses:
        raise SourceError(str(path), "no rows", "at least one response")
    return responses


def read_table(path: Path) -> Iterator[tuple[str, Row]]:
    """(place, row) of a CSV with header, a JSON list, JSONL, or parquet; by the file's name.

    Raises:
        SourceError: not such a file; the row is named.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        for where, row in read_csv(path):
            assert isinstance(row, dict)  # with a header, rows are mappings
            yield where, row
    elif name.endswith(".parquet"):
        yield from _read_parquet(path)
    else:
        yield from read_objects(path)


def _read_rows(path: Path) -> Iterator[tuple[str, Row, bool]]:
    """(place, row, whether it is a behaviour of an attack artifact)."""
    if path.suffix.lower() == ".json":
        artifact = _parse_artifact(path)
        if artifact is not None:
            header, jailbreaks = artifact
            for index, row in enumerate(jailbreaks):
                where = f"{path.name}: jailbreaks[{index}]"
                if not isinstance(row, dict):
                    raise SourceError(where, type(row).__name__, "an object")
                yield where, {**header, **row}, True
            return
    yield from ((where, row, False) for where, row in read_table(path))


def _parse_artifact(path: Path) -> tuple[Row, list[object]] | None:
    """What an attack artifact's header says of each row, and its rows; None for another file."""
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None  # JSON lines, or broken: `read_objects` says what is wrong
    rows = content.get("jailbreaks")
    if not isinstance(rows, list):
        return None
    header = content.get("parameters")
    said = header if isinstance(header, dict) else {}
    attack = "/".join(str(said[name]) for name in ("method", "attack_type") if said.get(name))
    return {"model": said.get("model"), "_attack": attack}, rows


def _read_parquet(path: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(str(path), f"not parquet: {error}", "a parquet file") from error
    yield from ((f"{path.name}[{index}]", row) for index, row in enumerate(rows))


def _find_column(where: str, row: Row) -> str:
    found = next((name for name in COLUMNS if name in row), None)
    if found is None:
        raise SourceError(
            where,
            f"no column of responses among {', '.join(map(str, row))}",
            f"one of {', '.join(COLUMNS)}",
            "give column=NAME",
        )
    return found


def _split_cell(where: str, column: str, cell: object) -> list[str | None]:
    texts: list[str | None] = []
    for text in (cell or [None]) if isinstance(cell, list) else [cell]:
        if text is not None and not isinstance(text, str):
            raise SourceError(where, f"`{column}` is {type(text).__name__}", "text or null")
        texts.append(text)
    return texts
