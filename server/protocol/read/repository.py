"""GET /api/models/{repository}[/revision/{revision}]: a repository with its files."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.git_objects import blob_id, pointer
from hub.records import File
from hub.registry.artifacts.scans import scans_in
from server.auth.access import Hub, VisibleArtifact
from server.http.urls import Segment
from server.protocol.read.properties import is_true, read_properties, requested_properties
from server.protocol.read.repository_view import RepositoryView
from server.protocol.read.security import repository_status
from server.protocol.read.tree import text_ids

_ALWAYS = (
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "lastModified", "library_name", "likes",
    "model-index", "pipeline_tag", "private", "safetensors", "sha", "siblings", "spaces", "tags", "usedStorage", "description",
)  # fmt: skip
"""Properties that are returned without `expand`."""


def describe_repository(request: Request, hub: Hub, artifact: VisibleArtifact, revision: Segment = "main") -> Response:
    """Return the response to `HfApi.model_info` and `dataset_info`; `blobs=true` adds sizes and digests, `expand` selects properties."""
    view = RepositoryView.of(hub, artifact, hub.registry.revision(artifact.name, revision))
    if requested := requested_properties(request, datasets=view.is_dataset):
        return JSONResponse(read_properties(view, requested))
    body = read_properties(view, _ALWAYS)
    body |= {} if view.is_dataset else {"modelId": artifact.name.repository}
    if is_true(request, "blobs"):
        texts = text_ids(hub, view.files)
        body["siblings"] = [_sibling(file, texts.get(file.path)) for file in view.files]
    if is_true(request, "securityStatus"):
        body["securityRepoStatus"] = repository_status(scans_in(hub.registry.database, view.commit))
    return JSONResponse(body)


def _sibling(file: File, text_id: str | None) -> dict[str, Any]:
    if text_id:
        return {"rfilename": file.path, "size": file.size_bytes, "blobId": text_id}
    lfs_pointer = pointer(file)
    lfs = {"sha256": file.digest.hex, "size": file.size_bytes, "pointerSize": len(lfs_pointer)}
    return {"rfilename": file.path, "size": file.size_bytes, "blobId": blob_id(lfs_pointer), "lfs": lfs}
