"""A finished model onto the hub: what `model/` holds, in one commit, after the record is written.

Local paths stay here (`hub_folder.py`).

The token is read from $HF_TOKEN and goes into the requests' headers and nowhere else; $HF_ENDPOINT
names another hub. What fails here fails after the run is whole: the same command again only pushes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from alignray.config.training import TrainingConfig
from alignray.durable import read_json, write_json
from alignray.errors import ConfigError, HubError
from alignray.training.job import LOGS_DIR
from alignray.training.outputs.hub_folder import link_folder

TOKEN = "HF_TOKEN"
MARKER_NAME = "hub.json"
"""In logs/: what was pushed, where, and as which commit."""
_ALLOWED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.md", "*.py")
_NEVER = ("*.bin", "*.pt", "*.pth", "optimizer*", "trainer_state.json", ".*")


def check_hub(config: TrainingConfig) -> None:
    """Makes sure that there will be a token, before a run that would lack it at its end.

    Raises:
        ConfigError: push_to_hub without $HF_TOKEN, or offline.
    """
    if not config.push_to_hub:
        return
    if not os.environ.get(TOKEN):
        do = f"export {TOKEN}, or set push_to_hub=false"
        raise ConfigError("push_to_hub", f"${TOKEN} is not set", "a token with write access", do)
    from huggingface_hub.constants import is_offline_mode

    if is_offline_mode():
        do = "unset it, or set push_to_hub=false"
        raise ConfigError("push_to_hub", "$HF_HUB_OFFLINE is set", "access to the hub", do)


def publish_model(config: TrainingConfig, stage_dir: Path, record: dict[str, Any]) -> None:
    """Pushes a finished stage's model, once.

    Args:
        config: the training.
        stage_dir: its directory.
        record: its record, which names the model's files and their hashes.

    Raises:
        HubError: the hub refused or could not be reached; model and record are whole.
    """
    if not config.push_to_hub:
        return
    check_hub(config)
    files = {
        name.removeprefix("model/"): digest
        for name, digest in record["outputs"].items()
        if name.startswith("model/")
    }
    pushed = {
        "repository": str(config.hub_model_id),
        "endpoint": _get_endpoint(),
        "fingerprint": record["fingerprint"],
        "files": files,
    }
    marker = stage_dir / LOGS_DIR / MARKER_NAME
    known = read_json(marker) if marker.is_file() else {}
    if {name: known.get(name) for name in pushed} == pushed:
        return
    url = _upload(config, stage_dir)
    marker.parent.mkdir(exist_ok=True)
    write_json(marker, {**pushed, "commit": url})


def _upload(config: TrainingConfig, stage_dir: Path) -> str:
    """Makes the repository where there is none, and one commit in it; returns the commit's URL."""
    from huggingface_hub import HfApi

    repository, token = str(config.hub_model_id), os.environ[TOKEN]
    api = HfApi(endpoint=_get_endpoint(), token=token, library_name="alignray")
    try:
        # The hub says what the repository is called: it adds the owner, and follows a renamed one.
        made = api.create_repo(repository, private=config.hub_private_repo, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            link_folder(stage_dir / "model", Path(place, "model"))
            commit = api.upload_folder(
                repo_id=made.repo_id,
                folder_path=Path(place, "model"),
                commit_message="Upload model trained with alignray",
                allow_patterns=list(_ALLOWED),
                ignore_patterns=list(_NEVER),
            )
    # The boundary: errors of HTTP, of the card's check and of uploads have no common base class.
    except Exception as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        line = next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__
        raise HubError(
            f"{_get_endpoint()}/{repository}",
            f"not pushed ({line.replace(token, '***')[:300]})",
            "",
            f"model and record are whole in {stage_dir}; run again to push them",
        ) from None
    return str(commit.commit_url)


def _get_endpoint() -> str:
    from huggingface_hub.constants import ENDPOINT

    return os.environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
