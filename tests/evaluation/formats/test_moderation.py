from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.moderation import LABELS, ModerationRow, read_moderation

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
RESULT = {
    "flagged": True,
    "categories": {"hate": True, "self_harm_intent": False, "sexual": None},
    "category_scores": {"hate": 0.9, "self_harm_intent": 0.1},
}


def write(folder: Path, text: str, name: str = "replies.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, *rows: object) -> list[ModerationRow]:
    return read_moderation(write(folder, "\n".join(json.dumps(row) for row in rows)))


def test_labels_of_the_real_set_are_partial() -> None:
    """Counts of openai/moderation-api-release: positive of known, of 1,680 prompts."""
    path = DATA / "openai-moderation/samples-1680.jsonl.gz"
    if not path.exists():
        pytest.skip("needs openai-moderation in $ALIGNRAY_DATA")
    rows = read_moderation(path)
    assert len(rows) == 1680
    found = {
        letter: (
            sum(row.categories[name] is True for row in rows),
            sum(row.categories[name] is not None for row in rows),
        )
        for letter, name in LABELS.items()
    }
    assert found == {
        "S": (237, 984),
        "H": (162, 771),
        "V": (94, 1450),
        "HR": (76, 1444),
        "SH": (51, 1447),
        "S3": (85, 994),
        "H2": (41, 761),
        "V2": (24, 1447),
    }
    assert sum(any(row.categories.values()) for row in rows) == 522
    assert [sum(row.flagged is value for row in rows) for value in (True, False)] == [418, 337]


def test_a_missing_label_is_unknown(tmp_path: Path) -> None:
    full = dict.fromkeys(LABELS, 0)
    rows = read(tmp_path, {"prompt": "x"} | full, {"prompt": "x", "H": 1}, {"prompt": "x"})
    assert [row.flagged for row in rows] == [False, None, None]
    assert [row.categories["hate"] for row in rows] == [False, True, None]
    assert [row.categories["violence"] for row in rows] == [False, None, None]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda result: {"id": "modr-1", "model": "m", "results": [result]},
        lambda result: result,
        lambda result: {"response": {"body": {"results": [result]}}},
        lambda result: {"prompt": "x", "moderation": result},
    ],
)
def test_replies_in_any_wrapping(tmp_path: Path, wrap: object) -> None:
    assert callable(wrap)
    (row,) = read(tmp_path, wrap(RESULT))
    assert row.flagged is True
    assert row.categories == {"hate": True, "self-harm/intent": False, "sexual": None}
    assert row.scores == {"hate": 0.9, "self-harm/intent": 0.1}
    assert row.id is None


def test_one_reply_over_several_lines_and_several_results(tmp_path: Path) -> None:
    reply = {"id": 7, "results": [RESULT, RESULT]}
    rows = read_moderation(write(tmp_path, json.dumps(reply, indent=2), "reply.json"))
    assert [row.id for row in rows] == ["7/0", "7/1"]


def test_failed_replies_are_unknown(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        {"id": 1, "error": {"message": "rate limit"}},
        {"results": []},
        {"results": None},
        {"response": None, "error": "x"},
        {"results": [{"flagged": None, "categories": None}]},
    )
    assert [row.flagged for row in rows] == [None] * 5
    assert all(not any(row.categories.values()) for row in rows)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"text": "x"}, "no results among text"),
        ({"results": "x"}, "`results` is str"),
        ({"results": [3]}, "a result is int"),
        ({"results": [{"scores": {}}]}, "without `flagged`"),
        ({"results": [{"flagged": "maybe"}]}, "neither true nor false"),
        ({"results": [{"flagged": True, "categories": ["hate"]}]}, "`categories` is list"),
        ({"results": [{"flagged": True, "category_scores": {"hate": "high"}}]}, "`hate` is text"),
        ({"prompt": "x", "S": 2}, "`S` is neither"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, row: object, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read(tmp_path, row)
