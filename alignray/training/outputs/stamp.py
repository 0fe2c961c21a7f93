"""The template stamp: which chat template a model was trained with, beside its weights.

A model that was trained with one template and goes on with another loses what it learnt, without
an error anywhere. `model/alignray.json` says which template it was (its digest covers the text of
the template, control tokens and the rules of encoding); building on an adapter or a model whose
stamp is not that of the tokenizer in use is refused before any work.

Example: `{"template_digest": "9f86...", "chat_template": "zephyr", "base": "owner/model"}`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from alignray.chat_templates import CHAT_TEMPLATES, name_chat_template
from alignray.config.training import TrainingConfig
from alignray.durable import write_json
from alignray.errors import ModelError
from alignray.models import resolve_model
from alignray.training.policy import load_tokenizer

STAMP_NAME = "alignray.json"
OWN, CUSTOM = "the tokenizer's own", "custom"


@dataclass(frozen=True)
class Stamp:
    """What a trained model says of its template."""

    template_digest: str
    chat_template: str
    """Name of a built-in template, a file, `custom` for a text, or that it was the tokenizer's."""
    base: str

    @classmethod
    def of(cls, config: TrainingConfig, template_digest: str) -> Stamp:
        """The stamp of a training's result."""
        name = describe_template(config.chat_template)
        return cls(template_digest, name, config.model_name_or_path)


def write_stamp(stamp: Stamp, directory: Path) -> None:
    """Writes the stamp beside the tokenizer of a trained model."""
    write_json(directory / STAMP_NAME, asdict(stamp))


def read_stamp(directory: Path) -> Stamp | None:
    """The stamp of a model directory; None where there is none.

    Raises:
        ModelError: it cannot be read.
    """
    path = directory / STAMP_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(*(str(content[name]) for name in Stamp.__dataclass_fields__))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            str(path), f"not a template stamp ({error})", "template_digest, chat_template, base"
        ) from error


def check_stamp(config: TrainingConfig) -> None:
    """Makes sure that what is built on was trained with the template now in use.

    That is the adapter, where one with a stamp is given, else the model.

    Raises:
        ModelError: it was another one.
    """
    for field, kind in (("adapter_name_or_path", "adapter"), ("model_name_or_path", "model")):
        name = getattr(config, field)
        stamp = None if name is None else read_stamp(Path(resolve_model(name)))
        if stamp is not None:
            _compare(config, stamp, name, kind)
            return


def _compare(config: TrainingConfig, stamp: Stamp, name: str, kind: str) -> None:
    digest = load_tokenizer(config).template_digest
    if stamp.template_digest == digest:
        return
    do = f"set chat_template={stamp.chat_template}, or train a new {kind}"
    if stamp.chat_template not in CHAT_TEMPLATES:
        do = f"use the tokenizer and chat_template of that {kind}, or train a new one"
    if kind == "model":
        do += f"; to teach it another template, delete its {STAMP_NAME}"
    raise ModelError(
        name,
        f"trained with the chat template {stamp.template_digest} ({stamp.chat_template})",
        f"{digest} ({describe_template(config.chat_template)}), which is in use here",
        do,
    )


def describe_template(chat_template: str | None) -> str:
    """A template as a stamp names it."""
    if chat_template is None:
        return OWN
    if "{{" in chat_template or "{%" in chat_template:
        return name_chat_template(chat_template) or CUSTOM
    return chat_template
