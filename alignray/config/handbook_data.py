"""The data-set keys of alignment-handbook's recipes -> parts of a mixture and an eval_dataset.

Three forms: `dataset_mixer` (or `dataset_mixture`) maps names to fractions, with `dataset_splits`
and `dataset_configs` beside it; `dataset_mixture.datasets` lists parts with a split each; and
`dataset_name` is one data set. A split whose name holds `test` is measured, not trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alignray.config.handbook_keys import DATA
from alignray.config.translation import Translation, build_unknown_key, locate
from alignray.errors import ConfigError

_ENTRY_KEYS = ("id", "config", "split", "columns", "weight")
_MIXTURE_KEYS = ("datasets", "seed", "test_split_size")


@dataclass(frozen=True)
class RecipeFile:
    """A recipe as it stands in its file."""

    content: Mapping[str, Any]
    lines: Mapping[str, int]
    path: str

    def fail(self, key: str, found: str, expected: str, do: str = "") -> ConfigError:
        """The error of a key."""
        return ConfigError(locate(self.path, self.lines, key), f"`{key}` {found}", expected, do)


@dataclass
class DataPlan:
    """What is trained on and what is measured.

    Example: `{"dataset": "owner/name:train_sft", "fraction": 0.5}` is one of `parts`.
    """

    form: Literal["mixer", "mixture", "name"]
    parts: list[dict[str, Any]] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    @property
    def measured_key(self) -> str:
        """The key that names what is measured."""
        return {
            "mixer": "dataset_splits",
            "mixture": "dataset_mixture",
            "name": "dataset_test_split",
        }[self.form]


def plan_data(recipe: RecipeFile, evaluates: bool) -> DataPlan:
    """Reads all data-set keys of a recipe.

    Args:
        recipe: the recipe.
        evaluates: whether anything is measured; a list's test splits are trained on otherwise, as
            the handbook does.

    Raises:
        ConfigError: no data set, a split that is neither, or a fraction out of its bounds.
    """
    content = recipe.content
    mixture = content.get("dataset_mixture")
    if isinstance(mixture, Mapping) and "datasets" in mixture:
        return _plan_list(recipe, mixture, evaluates)
    key = "dataset_mixture" if mixture is not None else "dataset_mixer"
    names = content.get(key)
    if names is not None:
        return _plan_map(recipe, key, names)
    if content.get("dataset_name") is None:
        raise ConfigError(
            recipe.path, "no data set", "dataset_mixer, dataset_mixture or dataset_name"
        )
    plan = DataPlan("name")
    name, config = content["dataset_name"], content.get("dataset_config")
    train = content.get("dataset_train_split") or "train"
    plan.parts.append({"dataset": join_name(name, config, train)})
    plan.tests.append(join_name(name, config, content.get("dataset_test_split") or "test"))
    return plan


def _plan_map(recipe: RecipeFile, key: str, names: Any) -> DataPlan:
    if not isinstance(names, Mapping) or not names:
        raise recipe.fail(key, "is not a map", "a map of data sets to fractions")
    splits = recipe.content.get("dataset_splits") or ["train", "test"]
    configs = recipe.content.get("dataset_configs") or [None] * len(names)
    if len(configs) != len(names):
        found = f"has {len(configs)} values"
        raise recipe.fail("dataset_configs", found, f"{len(names)}: one per data set of {key}")
    plan = DataPlan("mixer")
    for (name, fraction), config in zip(names.items(), configs, strict=True):
        share = _check_fraction(recipe, f"{key}.{name}", fraction)
        for split in splits:
            if "train" in split:
                plan.parts.append({"dataset": join_name(name, config, split), **share})
            elif "test" in split:
                plan.tests.append(join_name(name, config, split))
            else:
                raise recipe.fail(
                    "dataset_splits", f"has {split!r}", "names with `train` or `test` in them"
                )
    if not plan.parts:
        raise recipe.fail("dataset_splits", "has no split to train on", "a name with `train` in it")
    return plan


def _plan_list(recipe: RecipeFile, mixture: Mapping[str, Any], evaluates: bool) -> DataPlan:
    _check_keys(recipe, "dataset_mixture", mixture, _MIXTURE_KEYS)
    entries = mixture["datasets"]
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise recipe.fail("dataset_mixture.datasets", "is not a list", "a list of data sets")
    plan = DataPlan("mixture")
    for number, entry in enumerate(entries):
        key = f"dataset_mixture.datasets.{number}"
        if not isinstance(entry, Mapping) or not entry.get("id"):
            raise recipe.fail(key, "has no id", "a map with `id`")
        _check_keys(recipe, key, entry, _ENTRY_KEYS)
        split = entry.get("split") or "train"
        name = join_name(entry["id"], entry.get("config"), split)
        if evaluates and "test" in split:
            plan.tests.append(name)
        else:
            share = _check_fraction(recipe, f"{key}.weight", entry.get("weight"))
            plan.parts.append({"dataset": name, **share})
    if not plan.parts:
        raise recipe.fail("dataset_mixture.datasets", "has only test splits", "one to train on")
    return plan


def _check_keys(
    recipe: RecipeFile, key: str, section: Mapping[str, Any], known: Sequence[str]
) -> None:
    for name in section:
        if name not in known:
            where = locate(recipe.path, recipe.lines, f"{key}.{name}")
            kind = f"`{key}`; known: {', '.join(known)}"
            raise build_unknown_key(where, f"{key}.{name}", known, kind)


def _check_fraction(recipe: RecipeFile, key: str, value: Any) -> dict[str, float]:
    """`fraction` of a part; nothing where all of it is taken."""
    if value is None:
        return {}
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise recipe.fail(key, f"is {value!r}", "a share of its rows, 0 to 1")
    return {} if value == 1 else {"fraction": float(value)}


def join_name(name: str, config: str | None, split: str) -> str:
    """A data set's name in alignray's form: `owner/name[@CONFIG]:SPLIT`."""
    middle = "" if config in (None, "default") else f"@{config}"
    return f"{name}{middle}:{split}"


def translate_data(out: Translation, recipe: RecipeFile, plan: DataPlan, evaluates: bool) -> None:
    """Sets dataset_mixture and eval_dataset, with a note for each data-set key."""
    for key, value in recipe.content.items():
        if key in ("dataset_mixer", "dataset_mixture", "dataset_name") and value is not None:
            why = _describe_shares(plan)
            out.map(key, "dataset_mixture", plan.parts, why, recipe.lines.get(key))
        elif key in DATA and not (evaluates and plan.tests and key == plan.measured_key):
            _explain_key(out, recipe, plan, key)
    if plan.form == "mixture":
        _explain_list(out, recipe.content["dataset_mixture"])
    if evaluates:
        _translate_tests(out, recipe, plan)


def _translate_tests(out: Translation, recipe: RecipeFile, plan: DataPlan) -> None:
    key = plan.measured_key
    if not plan.tests:
        out.refuse("eval_strategy", "there is no test split to measure; give eval_dataset=NAME")
        return
    line = recipe.lines.get(key)
    if key in recipe.content:
        out.map(key, "eval_dataset", plan.tests[0], "its test split", line)
    else:
        out.assume("eval_dataset", plan.tests[0], "the handbook's default")
    for name in plan.tests[1:]:
        out.refuse(name, "one data set is measured; this one is not trained on either")


def _explain_key(out: Translation, recipe: RecipeFile, plan: DataPlan, key: str) -> None:
    is_used = {
        "mixer": ("dataset_splits", "dataset_configs"),
        "mixture": (),
        "name": ("dataset_config", "dataset_train_split", "dataset_test_split"),
    }[plan.form]
    if recipe.content[key] is None:
        out.ignore(key, "null")
    elif key not in is_used:
        out.ignore(key, "the data sets are named by another key")
    else:
        out.note(f"{key} -> part of the names of data sets")


def _describe_shares(plan: DataPlan) -> str:
    return "of a fraction, the first rows" if any("fraction" in p for p in plan.parts) else ""


def _explain_list(out: Translation, mixture: Mapping[str, Any]) -> None:
    if any(entry.get("columns") for entry in mixture["datasets"]):
        out.ignore("dataset_mixture.datasets.columns", "columns are found by their form")
    if "seed" in mixture:
        out.ignore("dataset_mixture.seed", "seed orders the rows; parts are not drawn but cut")
    if mixture.get("test_split_size") is not None:
        why = "no rows are drawn for measuring; the test split is measured, and not trained on"
        out.refuse("dataset_mixture.test_split_size", why)
