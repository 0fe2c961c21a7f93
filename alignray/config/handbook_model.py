"""Rules for keys of alignment-handbook's recipes that say what is trained: model, type, template.

A rule takes the recipe's context, the key and its value, and sets what follows in alignray's keys,
with a note. `handbook.py` calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from alignray.config.handbook_data import DataPlan, RecipeFile
from alignray.config.translation import Translation

EMPTY_SYSTEM = (
    "{% if messages and messages[0]['role'] != 'system' %}"
    "{% set messages = [{'role': 'system', 'content': ''}] + messages %}{% endif %}"
)
"""Before a template: the empty system message that the handbook's scripts put before dialogues."""

_QUERY_AND_VALUE = (
    "llama", "llama4", "mistral", "mixtral", "gemma", "gemma2", "gemma3_text", "qwen2", "qwen3",
    "opt", "gptj", "gpt_neo", "stablelm",
)  # fmt: skip
LORA_TARGETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_QUERY_AND_VALUE, ("q_proj", "v_proj")),
    **dict.fromkeys(("bloom", "gpt_neox", "falcon"), ("query_key_value",)),
    "gpt2": ("c_attn",),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
}
"""Modules that PEFT adapts where none are named, by `model_type`."""
_SCALES = "scales of 4-bit weights are always quantised again, so weights differ in the last digits"


@dataclass(frozen=True)
class Context:
    """What rules know besides their key."""

    verb: Literal["sft", "dpo"]
    recipe: RecipeFile
    plan: DataPlan
    evaluates: bool
    workers: int
    has_gpu: bool
    adapter_base: str | None
    """Base of the adapter that model_name_or_path names; None for a model."""
    out: Translation
    model_type: str | None = None
    """`model_type` of the base's config.json, where it was looked up and found."""

    @property
    def given(self) -> Any:
        """The recipe's keys and values."""
        return self.recipe.content

    @property
    def is_old(self) -> bool:
        """Whether the recipe is for the scripts that took `dataset_mixer`."""
        return self.plan.form == "mixer"

    @property
    def is_in_4bit(self) -> bool:
        """Whether the base is kept in 4 bits."""
        return self.has_gpu and bool(self.given.get("load_in_4bit"))

    def map(self, key: str, target: str, value: Any, why: str = "") -> None:
        """`Translation.map` with the key's line."""
        self.out.map(key, target, value, why, self.recipe.lines.get(key))


Rule = Callable[[Context, str, Any], None]


def read_model(context: Context, key: str, value: Any) -> None:
    """A model; or an adapter, which the handbook merges before it trains a new one."""
    if context.adapter_base is None:
        context.map(key, "model_name_or_path", value)
        return
    out = context.out
    out.set("model_name_or_path", context.adapter_base)
    out.set("adapter_mode", "stack")
    if not context.given.get("tokenizer_name_or_path"):
        out.set("tokenizer_name_or_path", value)
    why = f"an adapter of {context.adapter_base}: a second one is trained on it, adapter_mode=stack"
    context.map(key, "adapter_name_or_path", value, why)


def read_revision(context: Context, key: str, value: Any) -> None:
    """With an adapter, `model_revision` is the adapter's and `base_model_revision` its base's."""
    if (key == "base_model_revision") == (context.adapter_base is not None):
        context.map(key, "model_revision", value)
    elif key == "base_model_revision":
        context.out.ignore(key, "model_name_or_path is no adapter")
    else:
        context.out.refuse(key, "an adapter is read at its main revision")


def read_dtype(context: Context, key: str, value: Any) -> None:
    """Null is float32, as from_pretrained did."""
    why = "null: what the handbook loads then" if value is None else ""
    context.map(key, "dtype", value or "float32", why)


def read_attention(context: Context, key: str, value: Any) -> None:
    """Flash attention runs on GPUs alone."""
    if key == "use_flash_attention_2":
        value = "flash_attention_2" if value else "auto"
    target = "resources.attn_implementation"
    if str(value).startswith("flash_attention") and not context.has_gpu:
        context.map(key, target, "sdpa", f"{value} needs a GPU")
    else:
        context.map(key, target, value)


def read_quantisation(context: Context, key: str, value: Any) -> None:
    """Bitsandbytes runs on GPUs alone."""
    if value and not context.has_gpu:
        context.out.refuse(key, "needs a GPU (bitsandbytes); the base is kept in dtype")
    else:
        context.map(key, key, value)


def read_quantised_form(context: Context, key: str, value: Any) -> None:
    """`bnb_4bit_quant_type` and `use_bnb_nested_quant`: always NF4 with quantised scales here."""
    if value in ("nf4", True):
        context.out.ignore(key, "so it is here")
    elif not context.is_in_4bit:
        context.out.ignore(key, "the base is not kept in 4 bits")
    else:
        context.out.refuse(key, _SCALES if key == "use_bnb_nested_quant" else "always NF4")


def add_quantised_form(context: Context) -> None:
    """The handbook's default is scales in full width."""
    if context.is_in_4bit and "use_bnb_nested_quant" not in context.given:
        context.out.refuse("use_bnb_nested_quant (not in the file, and so off)", _SCALES)


def add_lora_targets(context: Context) -> None:
    """Without `lora_target_modules`, PEFT chooses by the type of the model."""
    if not context.out.content.get("use_peft") or context.out.has("lora_target_modules"):
        return
    modules = LORA_TARGETS.get(context.model_type or "")
    if modules is not None:
        why = f"PEFT's default for {context.model_type}"
        context.out.assume("lora_target_modules", list(modules), why)
    else:
        which = f"for {context.model_type}" if context.model_type else "where the type is not known"
        why = f"PEFT's default goes by the type of the model; there is none {which}"
        context.out.assume("lora_target_modules", "all-linear", why)


def read_precision(context: Context, key: str, value: Any) -> None:
    """`bf16`; `fp16` is computed in bfloat16."""
    if key == "fp16" and (not value or context.given.get("bf16")):
        context.out.ignore(key, "off, or bf16 says it")
        return
    reasons = ["float16 needs loss scaling, which is not offered"] if key == "fp16" else []
    reasons += [] if context.has_gpu or not value else ["slow without a GPU"]
    context.map(key, "bf16", value, "; ".join(reasons))


def read_template(context: Context, key: str, value: Any) -> None:
    """The text of a template; the older scripts put an empty system message before dialogues."""
    text, why = str(value), "its text"
    if has_empty_system(context):
        text, why = EMPTY_SYSTEM + text, "its text, and an empty system message where none is given"
    context.out.set("chat_template", text)
    context.out.note(f"{key} -> chat_template", why)
    if context.is_old and "<|im_start|>" in text:
        why = "no token is added to the vocabulary; the tokenizer must have them already"
        context.out.refuse(f"{key}: <|im_start|>, <|im_end|>", why)


def has_empty_system(context: Context) -> bool:
    """Whether the older scripts would put an empty system message before a dialogue."""
    text = str(context.given.get("chat_template") or "")
    wanted = context.given.get("auto_insert_empty_system_msg", context.is_old)
    return bool(wanted) and ("system" in text or "<|im_start|>" in text)


def read_empty_system(context: Context, key: str, value: Any) -> None:
    """Honoured by the template, where it is known."""
    if has_empty_system(context):
        context.out.note(f"{key} -> part of chat_template")
    elif value and not context.given.get("chat_template"):
        context.out.refuse(key, "the tokenizer's own template is not changed; give chat_template")
    else:
        context.out.ignore(key, "off, or the template has no system message")
