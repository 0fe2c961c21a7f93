"""What decides the numbers of an evaluation, beside its models: flat settings of a record; pure.

Of a benchmark: prompts and selection, the decoding in effect (the seed aside: another seed is a
repetition), labels, what its row says, system prompt, thresholds, judge, rubrics and form of
verdict. Of a further judge: type, thresholds, engine and rubric.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alignray.config.judges import JudgeConfig

Record = Mapping[str, Any]
_JUDGE: TypeAdapter[JudgeConfig] = TypeAdapter(JudgeConfig)


def list_settings(record: Record, benchmark: str) -> dict[str, Any]:
    """What decides the numbers of a benchmark.

    E.g. `{"sampling.temperature": 0.0, "thresholds.harmful_below": 2.5, ...}`.
    """
    metrics, config, inputs = record["metrics"], record.get("config", {}), _list_inputs(record)
    own = config.get("benchmarks", {}).get(benchmark, {})
    form = metrics.get("forms", {}).get(benchmark, {})
    found = {
        "kind": metrics["benchmarks"][benchmark],
        "prompts": inputs.get(f"benchmarks.{benchmark}.prompts"),
        "select": own.get("select"),
        "sampling": _leave_out(form.get("sampling"), "seed"),
        "labels": form.get("labels"),
        "row": _leave_out(form.get("row"), "decoding"),
        "thresholds": metrics.get("thresholds"),
        "judge": metrics["judge"],
        **{name: config.get(name) for name in ("system_prompt", "verdict")},
        **{f"{name}_rubric": inputs.get(f"{name}_rubric") for name in ("safety", "helpfulness")},
        **{name: value for name, value in inputs.items() if name.startswith("judge.")},
    }
    return dict(_flatten(found))


def list_judges(record: Record) -> dict[str, dict[str, Any]]:
    """Name of each further judge -> what decides its verdicts; files and models by content."""
    inputs, judges = _list_inputs(record), {}
    for name, config in record.get("config", {}).get("judges", {}).items():
        start = f"judges.{name}."
        files = {k.removeprefix(start): v for k, v in inputs.items() if k.startswith(start)}
        judges[name] = dict(_flatten(_identify_judge(config))) | files
    return judges


def _identify_judge(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without where it runs; as it stands where it is a judge of another version."""
    try:
        return _JUDGE.validate_python(config).identity()
    except ValidationError:
        return config


def _list_inputs(record: Record) -> dict[str, str]:
    return {name: found["identity"] for name, found in record.get("inputs", {}).items()}


def _leave_out(settings: Mapping[str, Any] | None, name: str) -> dict[str, Any] | None:
    """The settings but for one that is no difference, or that another one says."""
    return None if settings is None else {k: v for k, v in settings.items() if k != name}


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
