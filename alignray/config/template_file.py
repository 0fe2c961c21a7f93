"""The value of `chat_template`: a built-in name, Jinja text, or a file, which becomes its text."""

from __future__ import annotations

from pathlib import Path

TEMPLATE_NAMES = ("zephyr", "llama-2", "llama-3", "chatml", "hh", "alpaca", "raw", "vicuna")
"""Built-in chat templates (`chat_templates.py` has their texts); a file cannot take their place."""


def read_template_file(value: str) -> str:
    """The text of a template file, so that an edited file is another configuration.

    What is no file, or cannot be read, is left to `chat_templates.resolve_chat_template`.
    """
    if value in TEMPLATE_NAMES or "{" in value:
        return value
    try:
        return Path(value).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # no such file, name or user; not UTF-8
        return value
