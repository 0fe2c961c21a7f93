"""Recipes of huggingface/alignment-handbook (SFT, DPO, QLoRA; older and newer keys) as they are.

    alignray sft --config config_full.yaml --deepspeed deepspeed_zero3.yaml

A recipe is known by its keys, not by its name. Its keys become alignray's; what it leaves out gets
the handbook's defaults where they change the result (all weights are trained, seed 42, three
epochs, RMSprop for DPO), and what the handbook's scripts do unasked is done as well (older SFT
packs rows and has a loss on every token). Arguments come after that and are in alignray's keys.

Not covered: ORPO, continued pretraining.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from alignray.config import handbook_keys as keys
from alignray.config import handbook_model as model
from alignray.config import handbook_rules as rules
from alignray.config.dpo import DPOStageConfig
from alignray.config.handbook_data import RecipeFile, plan_data, translate_data
from alignray.config.handbook_model import Context, Rule
from alignray.config.handbook_rules import compute_batch, read_same
from alignray.config.launch import Launch, apply_launch
from alignray.config.sft import SFTStageConfig
from alignray.config.translation import Translation, build_unknown_key, locate
from alignray.errors import ConfigError

_HANDBOOK = "the handbook's default"
_SCRIPT = "the handbook's script does it unasked"

RULES: dict[str, Rule] = {
    "model_name_or_path": model.read_model,
    "model_revision": model.read_revision,
    "base_model_revision": model.read_revision,
    "torch_dtype": model.read_dtype,
    "dtype": model.read_dtype,
    "attn_implementation": model.read_attention,
    "use_flash_attention_2": model.read_attention,
    "load_in_4bit": model.read_quantisation,
    "load_in_8bit": model.read_quantisation,
    "bnb_4bit_quant_type": model.read_quantised_form,
    "use_bnb_nested_quant": model.read_quantised_form,
    "bf16": model.read_precision,
    "fp16": model.read_precision,
    "per_device_train_batch_size": rules.read_batch,
    "gradient_accumulation_steps": rules.read_batch,
    "max_steps": rules.read_max_steps,
    "do_eval": rules.read_do_eval,
    "eval_strategy": rules.read_eval_strategy,
    "evaluation_strategy": rules.read_eval_strategy,
    "eval_steps": rules.read_steps,
    "save_steps": rules.read_steps,
    "logging_steps": rules.read_steps,
    "warmup_steps": rules.read_warmup_steps,
    "save_strategy": rules.read_cadence,
    "logging_strategy": rules.read_cadence,
    "save_total_limit": read_same,
    "optim": rules.read_optimizer,
    "lr_scheduler_type": rules.read_scheduler,
    "report_to": rules.read_trackers,
    "push_to_hub": rules.read_push,
    "hub_model_id": read_same,
    "hub_private_repo": read_same,
    "load_best_model_at_end": rules.read_best,
    "metric_for_best_model": rules.read_best,
    "greater_is_better": rules.read_best,
    "group_by_length": rules.read_order,
    "train_sampling_strategy": rules.read_order,
    "chat_template": model.read_template,
    "auto_insert_empty_system_msg": model.read_empty_system,
    "truncation_side": rules.read_truncation_side,
    "truncation_mode": read_same,
    "loss_type": rules.read_loss_type,
    "lora_target_modules": read_same,
    "use_cpu": rules.read_place,
}
RULES_OF: dict[str, dict[str, Rule]] = {
    "sft": {
        "packing": read_same,
        "assistant_only_loss": rules.read_loss_on,
        "completion_only_loss": rules.read_loss_on,
    },
    "dpo": {
        "rpo_alpha": rules.read_loss_type,
        "loss_weights": rules.read_loss_type,
        "f_divergence_type": rules.read_divergence,
    },
}


@dataclass(frozen=True)
class Surroundings:
    """What a translation has to know of the machine and the model."""

    has_gpu: bool = False
    adapter_base: str | None = None
    """Base of the adapter that model_name_or_path names; None for a model."""
    model_type: str | None = None
    """`model_type` of the base's config.json; None where it is not needed or not known."""


def is_handbook(content: Mapping[str, Any]) -> bool:
    """Whether a file has the keys of a handbook's recipe, and none that only alignray's have."""
    mixture = content.get("dataset_mixture")
    if isinstance(mixture, (list, tuple)) or keys.OWN_MARKS & content.keys():
        return False
    return isinstance(mixture, Mapping) or bool(keys.MARKS & content.keys())


def translate_recipe(
    verb: Literal["sft", "dpo"], recipe: RecipeFile, launch: Launch | None, around: Surroundings
) -> Translation:
    """A recipe in alignray's keys, with one note per key.

    Raises:
        ConfigError: an unknown key, or data sets that cannot be read.
    """
    out = Translation(PurePath(recipe.path).name, {}, {})
    evaluates = _evaluates(recipe.content)
    workers = launch.num_workers if launch is not None and launch.num_workers is not None else 1
    context = Context(
        verb,
        recipe,
        plan_data(recipe, evaluates),
        evaluates,
        workers,
        around.has_gpu,
        around.adapter_base,
        out,
        around.model_type,
    )
    table = _build_rules(verb)
    for key, value in recipe.content.items():
        _translate_key(context, table, key, value)
    translate_data(out, recipe, context.plan, evaluates)
    _add_defaults(context)
    if launch is None:
        out.assume("resources.num_workers", 1, "no launch file; --deepspeed FILE")
    else:
        apply_launch(out, launch, around.has_gpu)
    return out


def _build_rules(verb: str) -> dict[str, Rule]:
    same = {*keys.SAME, *(keys.SAME_IN_DPO if verb == "dpo" else ())}
    return {**dict.fromkeys(same, read_same), **RULES, **RULES_OF[verb]}


def _translate_key(context: Context, table: Mapping[str, Rule], key: str, value: Any) -> None:
    out, verb = context.out, context.verb
    renamed = {**keys.RENAMED, **(keys.RENAMED_IN_SFT if verb == "sft" else {})}
    refused = {**keys.REFUSED, **(keys.REFUSED_IN_DPO if verb == "dpo" else {})}
    known = {*table, *renamed, *refused, *keys.IGNORED, *keys.DATA}
    if key not in known:
        raise _build_unknown(context, key, known)
    elif key in keys.DATA:
        return
    elif value is None and key not in ("torch_dtype", "dtype"):
        out.ignore(key, "null")
    elif key in table:
        table[key](context, key, value)
    elif key in renamed:
        context.map(key, renamed[key], value)
    elif key in refused and value not in (False, 0, "", [], {}):
        out.refuse(key, refused[key])
    else:
        out.ignore(key, keys.IGNORED.get(key, "off, and so it is here"))


def _build_unknown(context: Context, key: str, known: set[str]) -> ConfigError:
    recipe, verb = context.recipe, context.verb
    other = "sft" if verb == "dpo" else "dpo"
    elsewhere = {*RULES_OF[other], *keys.SAME_IN_DPO, *keys.REFUSED_IN_DPO, *keys.RENAMED_IN_SFT}
    kind = f"alignment-handbook's {verb.upper()} recipes"
    if key in elsewhere:
        kind = f"{kind}: `alignray {other}` reads those that have it"
    elif key in {*SFTStageConfig.model_fields, *DPOStageConfig.model_fields}:
        kind = f"{kind} but of alignray: give it as an argument"
    else:
        return build_unknown_key(locate(recipe.path, recipe.lines, key), key, known, kind)
    return build_unknown_key(locate(recipe.path, recipe.lines, key), key, (), kind)


def _evaluates(content: Mapping[str, Any]) -> bool:
    strategy = content.get("eval_strategy", content.get("evaluation_strategy", "no"))
    return strategy not in ("no", False, None) or content.get("do_eval") is True


def _add_defaults(context: Context) -> None:
    """What is not in the file, where the handbook and alignray would not do the same."""
    out, is_old, verb = context.out, context.is_old, context.verb
    if not out.has("train_batch_size"):
        batch, why = compute_batch(context)
        out.assume("train_batch_size", batch, why)
    learning_rate = 5e-5 if is_old else {"sft": 2e-5, "dpo": 1e-6}[verb]
    defaults: dict[str, Any] = {
        "use_peft": False,
        "learning_rate": learning_rate,
        "num_train_epochs": 3,
        "seed": 42,
        "eval_strategy": "no",
        "train_sampling_strategy": "random",
        "truncation_mode": "keep_start" if verb == "sft" else "keep_end",
    }
    if out.content.get("use_peft"):
        defaults["lora_dropout"] = 0.05
    if verb == "dpo" and is_old:
        defaults |= {"optim": "rmsprop", "max_length": 512}
    for name, value in defaults.items():
        if not out.has(name):
            out.assume(name, value, _HANDBOOK)
    rules.add_eval_steps(context)
    model.add_lora_targets(context)
    model.add_quantised_form(context)
    if verb == "sft":
        _add_sft_defaults(context)
    _explain_template(context)
    if is_old:
        out.refuse("decontamination", "rows with text of HumanEval are not looked for")


def _add_sft_defaults(context: Context) -> None:
    out = context.out
    if context.is_old and not out.has("packing"):
        why = f"{_SCRIPT}; here rows of one sequence do not see each other"
        out.assume("packing", True, why)
    if not out.has("loss_on"):
        out.assume("loss_on", "all", "the handbook masks no prompt; loss_on=responses does")


def _explain_template(context: Context) -> None:
    out = context.out
    if out.has("chat_template"):
        return
    fallback = "chatml" if context.verb == "sft" and not context.is_old else "zephyr"
    why = f"the tokenizer's own; where it has none, give the handbook's: chat_template={fallback}"
    out.assume("chat_template", None, why)
    if context.is_old and "auto_insert_empty_system_msg" not in context.given:
        out.refuse(
            "auto_insert_empty_system_msg (not in the file, but on)",
            "the tokenizer's own template is not changed; give chat_template",
        )
