"""Built-in chat templates, and the one place where a template's name becomes its text.

- `zephyr`: `<|user|>`, content, eos (alignment-handbook's default).
- `llama-2`: `[INST] <<SYS>>...<</SYS>> ... [/INST] ... eos` (Llama-2-chat).
- `llama-3`: `<|start_header_id|>user<|end_header_id|>`, content, `<|eot_id|>` (Llama 3 Instruct).
- `chatml`: `<|im_start|>user`, content, `<|im_end|>` (Qwen and others).
- `hh`: `Human: ...`, `Assistant: ...`, eos (HH-RLHF).
- `alpaca`: `### Instruction:`, `### Response:`, eos (Stanford Alpaca; a system prompt stands in the
  place of its preamble, an input below its instruction).
- `raw`: prompt and response alone, eos, no bos (as AmberSafe was trained).
- `vicuna`: `###Human: ...`, `###Assistant:`, eos (AmberSafe's model card).

`llama-3` and `chatml` need a tokenizer that has their words as tokens. The words of the others are
plain text, but for eos: contents can spell them, and no tokenisation could tell (see
`chat_skeleton.py`). A bos token is put first where the tokenizer itself would (not in `raw`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alignray.errors import ChatError, ConfigError

CHAT_TEMPLATES: dict[str, str] = {
    "zephyr": (
        "{% for message in messages %}"
        "{{ '<|' + message.role + '|>\n' + message.content }}{{ eos_token }}{{ '\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
    ),
    "llama-2": (
        "{% for message in messages %}"
        "{% if message.role == 'system' %}"
        "{{ bos_token }}{{ '[INST] <<SYS>>\n' + message.content|trim + '\n<</SYS>>\n\n' }}"
        "{% elif message.role == 'user' %}"
        "{% if loop.first or loop.previtem.role != 'system' %}"
        "{{ bos_token }}{{ '[INST] ' }}"
        "{% endif %}"
        "{{ message.content|trim + ' [/INST]' }}"
        "{% else %}{{ ' ' + message.content|trim + ' ' }}{{ eos_token }}{% endif %}"
        "{% endfor %}"
    ),
    "llama-3": (
        "{{ bos_token }}"
        "{% for message in messages %}"
        "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}"
        "{{ message.content|trim + '<|eot_id|>' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
        "{% endif %}"
    ),
    "chatml": (
        "{% for message in messages %}"
        "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "hh": (
        "{% for message in messages %}"
        "{% if message.role == 'system' %}{{ message.content }}"
        "{% elif message.role == 'user' %}{{ '\n\nHuman: ' + message.content }}"
        "{% else %}{{ '\n\nAssistant: ' + message.content }}{{ eos_token }}{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}"
    ),
    "alpaca": (
        "{% if messages[0].role != 'system' %}"
        "{{ 'Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n' }}"
        "{% endif %}"
        "{% for message in messages %}"
        "{% if message.role == 'system' %}{{ message.content + '\n\n' }}"
        "{% elif message.role == 'user' %}{{ '### Instruction:\n' + message.content + '\n\n' }}"
        "{% else %}{{ '### Response:\n' + message.content }}{{ eos_token }}"
        "{% if not loop.last %}{{ '\n\n' }}{% endif %}"
        "{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
    ),
    "raw": (
        "{% for message in messages %}"
        "{{ message.content }}{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}"
        "{% endfor %}"
    ),
    "vicuna": (
        "{% for message in messages %}"
        "{% if message.role == 'system' %}{{ message.content + '\n' }}"
        "{% elif message.role == 'user' %}{{ '###Human: ' + message.content + '\n' }}"
        "{% else %}{{ '###Assistant: ' + message.content }}{{ eos_token }}"
        "{% if not loop.last %}{{ '\n' }}{% endif %}"
        "{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '###Assistant:' }}{% endif %}"
    ),
}
"""Name -> Jinja text."""

_NEEDED_TOKENS = {
    "llama-3": ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "chatml": ("<|im_start|>", "<|im_end|>"),
}
_NO_BOS = {"raw"}


def resolve_chat_template(name: str) -> str:
    """The Jinja text that a name, a file or a Jinja text stands for.

    Raises:
        ConfigError: no such template or file, or a file that cannot be read.
    """
    if name in CHAT_TEMPLATES:
        return CHAT_TEMPLATES[name]
    if "{{" in name or "{%" in name:
        return name
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        from alignray.config.loading import suggest

        known = ", ".join(CHAT_TEMPLATES)
        raise ConfigError(
            "chat_template",
            f"no template and no file {name!r}",
            f"one of {known}, a file, or Jinja text",
            suggest(name, CHAT_TEMPLATES),
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError("chat_template", f"{name} cannot be read ({error})", "Jinja") from error
    if "{{" not in text:
        raise ConfigError("chat_template", f"{name} prints nothing", "a Jinja template")
    return text


def name_chat_template(text: str) -> str | None:
    """The name of a built-in template by its text; None for others."""
    return next((name for name, built_in in CHAT_TEMPLATES.items() if built_in == text), None)


def fit_chat_template(text: str, tokenizer: Any, where: str) -> str:
    """A template for this tokenizer: a built-in one gets a bos first where it is usual.

    Args:
        text: what `resolve_chat_template` gave.
        tokenizer: a transformers tokenizer.
        where: what errors call the tokenizer.

    Raises:
        ChatError: the tokenizer lacks a token that a built-in template is made of.
    """
    name = name_chat_template(text)
    if name is None:
        return text
    vocabulary = tokenizer.get_vocab()
    missing = [token for token in _NEEDED_TOKENS.get(name, ()) if token not in vocabulary]
    if missing:
        raise ChatError(
            where,
            f"has no token {' or '.join(missing)}, which chat_template={name} is made of",
            "a tokenizer with them",
            "choose a template of plain words, such as zephyr or hh",
        )
    return text if name in _NO_BOS else add_usual_bos(text, tokenizer)


def add_usual_bos(template: str, tokenizer: Any) -> str:
    """The template with a bos token first, if the tokenizer begins texts with one."""
    bos = tokenizer.bos_token_id
    usual = bos is not None and tokenizer("a")["input_ids"][:1] == [bos]
    return "{{ bos_token }}" + template if usual and "bos_token" not in template else template
