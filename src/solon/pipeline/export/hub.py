"""An exported folder to the Hugging Face Hub. The token comes from the environment; nobody but the hub sees it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from solon.errors import ConfigError, UpstreamDown
from solon.files import reason_of
from solon.pipeline.export.publish import EXPORTED

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_REPOSITORY = re.compile(r"^[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}$")


def token() -> str:
    """The hub's token. Raises ConfigError where the environment has none."""
    found = next((value for name in TOKENS if (value := os.environ.get(name, "").strip())), None)
    if found is None:
        raise ConfigError("--push: no token; set HF_TOKEN (huggingface.co/settings/tokens, with write access)")
    return found


def checked_repository(name: str) -> str:
    """`name` if it is owner/name. Raises ConfigError."""
    if not _REPOSITORY.match(name) or ".." in name or "--" in name:
        raise ConfigError(f"--push: '{name}' is no repository; give owner/name, such as ada/polite-smol")
    return name


def push(folder: Path, repository: str, key: str, *, private: bool, api: Any = None) -> str:
    """Upload `folder` as one commit to the model repository, made if need be; returns its address.

    Raises ConfigError where the hub refuses, and UpstreamDown where it cannot be reached. The folder stays.
    """
    from huggingface_hub import HfApi

    api = HfApi() if api is None else api
    try:
        api.create_repo(repository, token=key, private=private, repo_type="model", exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            token=key,
            repo_type="model",
            commit_message="Export from Solon",
            ignore_patterns=[EXPORTED],
        )
    except Exception as error:
        reason = reason_of(str(error).replace(key, "***") or type(error).__name__)
        status = getattr(getattr(error, "response", None), "status_code", 0)
        kind = ConfigError if status in (400, 401, 403, 404) else UpstreamDown
        raise kind(f"--push: {repository}: {reason}; {folder} is complete: push it again with --force") from None
    return f"https://huggingface.co/{repository}"
