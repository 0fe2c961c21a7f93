"""The table of verbs: what each is configured by and what runs it, imported when its turn comes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alignray.config.base import StageConfig
from alignray.config.loading import suggest
from alignray.errors import ConfigError


@dataclass(frozen=True)
class Verb:
    """One verb that runs a stage.

    `run` takes the verb's configuration and returns the stage's record.
    """

    name: str
    config: str
    """`module:Class` of its configuration."""
    run: str
    """`module:function` that runs it."""
    summary: str
    uses_ray: bool = True
    check: str = ""
    """`module:function` of what a dry run makes sure of besides; returns names of what is not here
    and was left out, and raises what the run would."""
    takes_launch_file: bool = False
    """Whether it has --deepspeed, and reads recipes of alignment-handbook."""
    positional: str = ""
    """The key that a first argument without `=` is the value of."""

    def load_config_class(self) -> type[StageConfig]:
        """The configuration class; needs neither Ray nor an engine."""
        loaded: type[StageConfig] = _load(self.config)
        return loaded

    def load_run(self) -> Callable[[StageConfig], dict[str, Any]]:
        """The function that runs the stage; imports what the stage needs."""
        loaded: Callable[[StageConfig], dict[str, Any]] = _load(self.run)
        return loaded

    def load_check(self) -> Callable[[StageConfig], list[str]]:
        """The function that `check` names; one that finds nothing where it names none."""
        return _load(self.check) if self.check else lambda config: []


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            "sample",
            "alignray.config.sampling:SampleConfig",
            "alignray.sampling.on_ray:run_sample",
            "N responses to each of K prompts",
        ),
        Verb(
            "rank",
            "alignray.config.ranking:RankConfig",
            "alignray.ranking.on_ray:run_rank",
            "a judge grades or orders the responses",
        ),
        Verb(
            "pairs",
            "alignray.config.pairs:PairsConfig",
            "alignray.ranking.pairs_stage:run_pairs",
            "preference pairs and best responses out of ranks",
            uses_ray=False,
        ),
        Verb(
            "sft",
            "alignray.config.sft:SFTStageConfig",
            "alignray.training.on_ray:run_sft",
            "supervised fine-tuning on dialogues",
            check="alignray.training.dry_run:check_sft",
            takes_launch_file=True,
        ),
        Verb(
            "dpo",
            "alignray.config.dpo:DPOStageConfig",
            "alignray.training.on_ray:run_dpo",
            "direct preference optimization on pairs",
            check="alignray.training.dry_run:check_dpo",
            takes_launch_file=True,
        ),
        Verb(
            "eval",
            "alignray.config.evaluation:EvalConfig",
            "alignray.evaluation.on_ray:run_eval",
            "harm, refusal, over-refusal and use of models, with intervals",
        ),
        Verb(
            "export",
            "alignray.config.export:ExportConfig",
            "alignray.training.export.stage:run_export",
            "a training's checkpoint as a model folder",
            uses_ray=False,
            positional="source",
        ),
    )
}


def get_verb(name: str, where: str = "alignray") -> Verb:
    """The verb of a name.

    Raises:
        ConfigError: no such verb.
    """
    if name not in VERBS:
        hint = suggest(name, VERBS)
        raise ConfigError(where, f"no verb `{name}`", f"one of {', '.join(VERBS)}", hint)
    return VERBS[name]


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
