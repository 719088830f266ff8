"""Read properties of repositories by their names on the Hugging Face Hub, as in `expand`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import Request

from hub.errors import InvalidRequest
from hub.records import Artifact
from hub.registry.artifacts.repositories import count_children
from hub.registry.index.tags import library_of, pipeline_of, tags_of
from hub.registry.index.trending import score
from server.http.times import to_rfc3339
from server.http.urls import commit_id
from server.protocol.read.repository_view import RepositoryView

Read = Callable[[RepositoryView], Any]


def _constant(value: Any) -> Read:
    """Return a property with the same value for all repositories."""
    return lambda _: value


_no, _yes, _nothing, _none = _constant(False), _constant(True), _constant(None), _constant([])
_COMMON: dict[str, Read] = {
    "author": lambda it: it.artifact.name.owner,
    "cardData": lambda it: it.card,
    "createdAt": lambda it: to_rfc3339(it.artifact.created_at),
    "disabled": lambda it: not it.artifact.revision,
    "downloads": lambda it: it.artifact.downloads,
    "downloadsAllTime": lambda it: it.artifact.downloads,
    "gated": lambda it: it.artifact.gated or False,
    "lastModified": lambda it: to_rfc3339(it.artifact.updated_at),
    "likes": lambda it: it.artifact.likes,
    "private": lambda it: it.artifact.private,
    "resourceGroup": _nothing,
    "sha": lambda it: commit_id(it.commit or it.artifact.revision) or None,
    "siblings": lambda it: [{"rfilename": file.path} for file in it.files],
    "tags": lambda it: list(tags(it.artifact)),
    "trendingScore": lambda it: round(score(it.artifact.trending)),
    "usedStorage": lambda it: it.used_bytes,
    "xetEnabled": _yes,
}
MODEL: dict[str, Read] = _COMMON | {
    "baseModels": lambda it: list(it.artifact.bases),
    "childrenModelCount": lambda it: count_children(it.hub.registry.database, it.artifact.name),
    "config": lambda it: it.config,
    "evalResults": _none,
    "gguf": _nothing,
    "inference": _nothing,
    "inferenceProviderMapping": _none,
    "library_name": lambda it: library_of(it.artifact.kind, it.artifact.tags) or None,
    "mask_token": _nothing,
    "model-index": lambda it: (it.card or {}).get("model-index"),
    "pipeline_tag": lambda it: pipeline_of(it.artifact.kind, it.artifact.tags) or None,
    "safetensors": lambda it: it.safetensors,
    "spaces": _none,
    "transformersInfo": _nothing,
    "widgetData": lambda it: (it.card or {}).get("widget"),
}
DATASET: dict[str, Read] = _COMMON | {
    "citation": _nothing,
    "description": lambda it: it.artifact.summary or None,
    "mainSize": lambda it: it.artifact.size_bytes,
    "paperswithcode_id": lambda it: (it.card or {}).get("paperswithcode_id"),
}
READING = {"cardData", "config", "model-index", "widgetData", "paperswithcode_id", "safetensors", "usedStorage"}
"""Properties that need the files or the whole history of a repository."""


def read_properties(view: RepositoryView, names: Iterable[str]) -> dict[str, Any]:
    """Return the id and the named properties of a repository, without those that are None."""
    read = DATASET if view.is_dataset else MODEL
    name = view.artifact.name.repository
    body: dict[str, Any] = {"_id": view.artifact.revision[:24] or name, "id": name}
    found = ((each, read[each](view)) for each in names if each in read)
    return body | {each: value for each, value in found if value is not None}


def requested_properties(request: Request, *, datasets: bool) -> list[str]:
    """Return the properties named in `expand`. Raises InvalidRequest for unknown ones."""
    known = DATASET if datasets else MODEL
    requested = [each for key in ("expand", "expand[]") for each in request.query_params.getlist(key)]
    for name in requested:
        if name not in known:
            raise InvalidRequest(f"unknown property `{name[:80]}` in `expand`: choose from {', '.join(sorted(known))}.")
    return list(dict.fromkeys(requested))


def tags(artifact: Artifact) -> tuple[str, ...]:
    """Return the tags for `list_models(filter=…)`, spelled as on the Hugging Face Hub."""
    return tags_of(artifact.kind, artifact.method, artifact.license, artifact.languages, artifact.bases, artifact.tags)


def is_true(request: Request, name: str) -> bool:
    """Return whether a parameter is true: newer clients send `true`, older ones `True`."""
    return request.query_params.get(name, "").lower() in {"true", "1"}
