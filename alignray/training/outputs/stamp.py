"""The template stamp: which chat template a model was trained with, beside its weights.

A model that was trained with one template and goes on with another loses what it learnt, without
an error anywhere. `model/alignray.json` says which template it was (its digest covers the text of
the template, control tokens and the rules of encoding); building on an adapter whose stamp is not
that of the tokenizer in use is refused before any work.

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


def write_stamp(config: TrainingConfig, template_digest: str, directory: Path) -> None:
    """Writes the stamp beside the tokenizer of a trained model."""
    stamp = Stamp(
        template_digest, _describe_template(config.chat_template), config.model_name_or_path
    )
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
    """Makes sure that the adapter to build on was trained with the template now in use.

    Raises:
        ModelError: it was another one.
    """
    if config.adapter_name_or_path is None:
        return
    stamp = read_stamp(Path(resolve_model(config.adapter_name_or_path)))
    if stamp is None:
        return
    digest = load_tokenizer(config).template_digest
    if stamp.template_digest == digest:
        return
    do = f"set chat_template={stamp.chat_template}, or train a new adapter"
    if stamp.chat_template not in CHAT_TEMPLATES:
        do = "use the tokenizer and chat_template of that adapter, or train a new one"
    raise ModelError(
        config.adapter_name_or_path,
        f"trained with the chat template {stamp.template_digest} ({stamp.chat_template})",
        f"{digest} ({_describe_template(config.chat_template)}), which is in use here",
        do,
    )


def _describe_template(chat_template: str | None) -> str:
    if chat_template is None:
        return OWN
    if "{{" in chat_template or "{%" in chat_template:
        return name_chat_template(chat_template) or CUSTOM
    return chat_template
