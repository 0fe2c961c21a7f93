"""PKU-SafeRLHF: two responses to a prompt, each with a safety label; the safe one is chosen.

The rule of AmberSafe (LLM360/amber-train, get_saferlhf.py): rows with two safe or two unsafe
responses give no pair; they are left out and counted. Which response is *better* is not asked:
better and safer differ in most rows, and here the safety label decides.

- `pku-saferlhf`: dialogues are all safe responses of such pairs.
- `pku-saferlhf-last`: one dialogue for each prompt, its last safe response, as AmberSafe's SFT.

The hub's data set was replaced in 2024 with other rows and more columns; columns that are not
needed are ignored, and a revision should be pinned.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignray.errors import SourceError
from alignray.sources.messages import check_text, describe_columns
from alignray.sources.pair_source import PairRule, Targets, TextPair, build_pair_source
from alignray.sources.rows import SourceRow
from alignray.sources.source import Source

BOTH_SAFE, BOTH_UNSAFE = "both_safe", "both_unsafe"


def read_safety_pair(row: SourceRow) -> Iterator[TextPair]:
    """The safe response before the unsafe one.

    Raises:
        SourceError: a column is missing or of a wrong type.
    """
    prompt = read_prompt_text(row)
    responses = [check_text(row.values.get(f"response_{i}"), row.where, "response") for i in (0, 1)]
    safe = [_read_label(row, f"is_response_{i}_safe") for i in (0, 1)]
    fault = None
    if safe[0] == safe[1]:
        fault = BOTH_SAFE if safe[0] else BOTH_UNSAFE
    chosen = 1 if safe == [False, True] else 0
    yield TextPair(prompt, responses[chosen], responses[1 - chosen], fault=fault)


def read_prompt_text(row: SourceRow) -> str:
    """The prompt, raw.

    Raises:
        SourceError: there is none.
    """
    return check_text(row.values.get("prompt"), row.where, "prompt")


def _read_label(row: SourceRow, column: str) -> bool:
    value = row.values.get(column)
    if not isinstance(value, bool) and value not in (0, 1):
        found = (
            describe_columns(row.values) if value is None else f"`{column}` is not true or false"
        )
        raise SourceError(row.where, found, f"true or false in {column}")
    return bool(value)


def build_saferlhf_source(targets: Targets) -> Source:
    """PKU-SafeRLHF for the registry."""
    return build_pair_source(PairRule(read_safety_pair, read_prompt_text, targets))
