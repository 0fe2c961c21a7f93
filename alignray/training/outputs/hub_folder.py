"""The folder that is pushed: the model's files, without paths of the machine it was trained on.

On disk an adapter names its base by an absolute path, so that it can be loaded from anywhere here.
On a hub that path tells strangers about the machine and finds nothing: there the base is called by
its directory's name. Files are links to the model's, but for those that name a path.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from alignray.training.outputs.card import CARD_NAME

_TEXTS = (
    "adapter_config.json", "alignray.json", "config.json", "generation_config.json",
    "tokenizer_config.json",
)  # fmt: skip
_NAMES = ("base_model_name_or_path", "_name_or_path", "name_or_path", "base", "chat_template")
"""Keys of these files under which a path may stand."""
_PATH = re.compile(r"""(?<![^\s`(:|='",])~?/(?:[^\s/`|)'",:@]+/)+([^\s/`|)'",:@]+)""")
"""An absolute path in a card, of two parts or more; the group is its last part."""


def link_folder(model_dir: Path, target: Path) -> None:
    """Makes `target` a folder of links to a model's files, and of copies that name no path."""
    shutil.copytree(model_dir.resolve(), target, copy_function=os.symlink)
    for name in (*_TEXTS, CARD_NAME):
        path = target / name
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        shown = hide_in_card(text) if name == CARD_NAME else hide_in_json(text)
        if shown != text:
            path.unlink()  # the link, not the model's file
            path.write_text(shown, encoding="utf-8")


def hide_in_json(text: str) -> str:
    """JSON whose names of models and templates are no local paths; as it is where none was."""
    content = json.loads(text)
    found = {key: content[key] for key in _NAMES if _is_local(content.get(key))}
    if not found:
        return text
    shown = {key: Path(value).name for key, value in found.items()}
    return json.dumps({**content, **shown}, indent=2, ensure_ascii=False) + "\n"


def hide_in_card(text: str) -> str:
    """A card with the last part of each absolute path: `/home/me/base` is `base`."""
    return _PATH.sub(r"\1", text)


def _is_local(value: Any) -> bool:
    """Whether a value is a path: absolute, of here, or found from here (`models/base`)."""
    if not isinstance(value, str) or not value:
        return False
    return value.startswith(("/", "./", "../", "~")) or os.path.exists(value)
