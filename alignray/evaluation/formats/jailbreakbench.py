"""JailbreakBench's attack artifacts, read and written: a header, and one row per behaviour.

Form of JailbreakBench/artifacts (MIT): `{"parameters": {...}, "jailbreaks": [...]}`. A behaviour
for which the attack submitted nothing has a null prompt and response. `jailbroken` is the verdict
of the benchmark's judge, `jailbroken_llama_guard1` and the like those of others. The header's
`total_number_of_jailbreaks` is not the count of `jailbroken`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.formats.reading import read_json
from alignray.evaluation.formats.writing import write_content

VERDICT = "jailbroken"
_KNOWN = ("index", "goal", "behavior", "category", "prompt", "response")
_COUNTS = ("number_of_queries", "queries_to_jailbreak", "prompt_tokens", "response_tokens")
"""What the publisher's reader asks of a row beside `_KNOWN` and `jailbroken`; null is allowed."""
_PARAMETERS = (
    "method",
    "model",
    "attack_type",
    "defense",
    "attack_success_rate",
    "total_number_of_jailbreaks",
    "number_of_submitted_prompts",
    "total_number_of_queries",
    "total_prompt_tokens",
    "total_response_tokens",
    "evaluation_date",
    "evaluation_llm_provider",
    "method_parameters",
)


@dataclass(frozen=True)
class Jailbreak:
    """One behaviour, what was tried, and what judges say.

    Example: `Jailbreak(75, "...", "Phishing", "Privacy", None, None, {"jailbroken": False}, {})`:
    the attack found nothing to submit.
    """

    index: int | str
    goal: str | None
    behavior: str | None
    category: str | None
    prompt: str | None
    response: str | None
    verdicts: Mapping[str, bool | None]
    """Column -> whether a judge says that the response fulfils the goal."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the row says: queries and tokens."""

    @property
    def is_submitted(self) -> bool:
        """Whether there is a prompt and a response."""
        return self.prompt is not None and self.response is not None

    def to_row(self) -> dict[str, Any]:
        """The row of the file."""
        known = {name: getattr(self, name) for name in _KNOWN}
        return {**known, **dict.fromkeys(_COUNTS), **self.extra, **self.verdicts}


@dataclass(frozen=True)
class Artifact:
    """One attack on one model."""

    parameters: Mapping[str, Any]
    """The header: method, model, attack_type, attack_success_rate, ..."""
    jailbreaks: Sequence[Jailbreak]


def read_artifact(path: Path) -> Artifact:
    """The artifact in a file.

    Raises:
        SourceError: not an artifact, a behaviour that comes twice, a verdict that is neither true,
            false nor null; the row is named.
    """
    content = read_json(path)
    parameters = content.get("parameters") if isinstance(content, dict) else None
    rows = content.get("jailbreaks") if isinstance(content, dict) else None
    if not isinstance(parameters, dict) or not isinstance(rows, list) or not rows:
        raise SourceError(
            str(path),
            f"no artifact: {_describe(content)}",
            "an object with `parameters` and a list `jailbreaks` of at least one behaviour",
        )
    jailbreaks: dict[str, Jailbreak] = {}
    for position, row in enumerate(rows):
        where = f"{path.name}: jailbreaks[{position}]"
        jailbreak = _parse_row(where, row, position)
        if str(jailbreak.index) in jailbreaks:
            raise SourceError(where, f"behaviour {jailbreak.index} a second time", "each once")
        jailbreaks[str(jailbreak.index)] = jailbreak
    return Artifact(parameters, list(jailbreaks.values()))


def write_artifact(path: Path, artifact: Artifact) -> None:
    """Writes an artifact that the publisher's reader takes.

    Raises:
        SourceError: a header that lacks a field which the publisher's reader asks for.
        StorageError: no space, no permission.
    """
    missing = [name for name in _PARAMETERS if name not in artifact.parameters]
    if missing:
        raise SourceError(
            str(path), f"parameters without {', '.join(missing)}", "all", "see build_parameters"
        )
    rows = [jailbreak.to_row() for jailbreak in artifact.jailbreaks]
    write_content(path, {"parameters": dict(artifact.parameters), "jailbreaks": rows})


def build_parameters(
    jailbreaks: Sequence[Jailbreak], method: str, model: str, attack_type: str, date: str
) -> dict[str, Any]:
    """The header of an artifact of ours, counted from its rows that have a verdict.

    A row without prompt and response is what an attack gave up on: not jailbroken, as published.

    Args:
        jailbreaks: the rows, with the verdict `jailbroken`.
        method: name of the attack.
        model: name of the model.
        attack_type: `black_box`, `white_box`, `transfer` or `manual`.
        date: of the evaluation, YYYY-MM-DD.

    Raises:
        EvaluationError: no row has a verdict.
    """
    outcomes = [row.verdicts.get(VERDICT) if row.is_submitted else False for row in jailbreaks]
    known = [outcome for outcome in outcomes if outcome is not None]
    if not known:
        where = f"attack_success_rate of {model} by {method}"
        raise EvaluationError(where, f"no scored rows ({len(outcomes)} unscored)", "at least one")
    hits = sum(known)
    return {
        **dict.fromkeys(_PARAMETERS),
        "method": method,
        "model": model,
        "attack_type": attack_type,
        "attack_success_rate": hits / len(known),
        "total_number_of_jailbreaks": hits,
        "number_of_submitted_prompts": sum(row.is_submitted for row in jailbreaks),
        "evaluation_date": date,
        "evaluation_llm_provider": "alignray",
        "method_parameters": {},
    }


def _parse_row(where: str, row: object, position: int) -> Jailbreak:
    if not isinstance(row, dict):
        raise SourceError(where, type(row).__name__, "an object")
    names = [name for name in row if name == VERDICT or name.startswith(f"{VERDICT}_")]
    if not names:
        raise SourceError(where, f"no `{VERDICT}` among {', '.join(row)}", "a verdict of a judge")
    for name in names:
        if row[name] is not None and not isinstance(row[name], bool):
            raise SourceError(where, f"{name} is {row[name]!r:.40}", "true, false or null")
    for name in ("prompt", "response"):
        if name not in row:
            raise SourceError(where, f"no `{name}` among {', '.join(row)}", "text, or null")
    texts = {name: _read_text(where, row, name) for name in _KNOWN[1:]}
    index = row.get("index", position)
    if isinstance(index, bool) or not isinstance(index, int | str):
        raise SourceError(where, f"index {index!r:.40}", "a number")
    extra = {name: value for name, value in row.items() if name not in (*_KNOWN, *names)}
    return Jailbreak(index, **texts, verdicts={name: row[name] for name in names}, extra=extra)


def _read_text(where: str, row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise SourceError(where, f"`{name}` is {type(value).__name__}", "text or null")
    return value


def _describe(content: object) -> str:
    if not isinstance(content, dict):
        return type(content).__name__
    return f"keys {', '.join(list(content)[:8])}" if content else "an empty object"
