"""Bases whose weights are in an upstream repository: configuration first, for the fit; weights after it.

Transfers are `huggingface_hub`'s: they resume, go through its cache and to `HF_ENDPOINT`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.errors import Unreachable

CONFIGURATION = ["*.json", "*/*.json"]
"""Kilobytes, where the weights are gigabytes."""


def fetch_configuration(repository: str, revision: str, *, what: str) -> Path:
    """A folder with the JSON files of a repository. Raises Unreachable."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=CONFIGURATION))
    except (OSError, ValueError) as error:
        raise Unreachable(_message(what, repository, error)) from error


def fetch_pipeline(pipeline_class: type[Any], repository: str, revision: str, *, what: str) -> Path:
    """A folder with all that `pipeline_class` needs of a repository, as safetensors. Raises Unreachable."""
    try:
        return Path(pipeline_class.download(repository, revision=revision, use_safetensors=True))
    except (OSError, ValueError) as error:
        raise Unreachable(_message(what, repository, error)) from error


def _message(what: str, repository: str, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0]
    return f"`{what}` is upstream in {repository}, which cannot be fetched: {reason} Try again when it can be reached."
