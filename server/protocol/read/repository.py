"""GET /api/models/{repository}[/revision/{revision}]: one repository with its files."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.records import File
from hub.registry.artifacts.scans import scans_in
from server.auth.access import Hub, VisibleArtifact
from server.http.urls import Segment
from server.protocol.read.git_objects import blob_id, pointer
from server.protocol.read.properties import is_true, read_properties, requested_properties
from server.protocol.read.repository_view import RepositoryView
from server.protocol.read.security import repository_status

_ALWAYS = (
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "lastModified", "library_name", "likes",
    "model-index", "pipeline_tag", "private", "safetensors", "sha", "siblings", "spaces", "tags", "usedStorage", "description",
)  # fmt: skip
"""Properties that are returned without `expand`."""


def describe_repository(request: Request, hub: Hub, artifact: VisibleArtifact, revision: Segment = "main") -> Response:
    """Return what `model_info` and `dataset_info` read; `blobs=true` adds sizes and digests, `expand` selects properties."""
    subject = RepositoryView.of(hub, artifact, hub.registry.revision(artifact.name, revision))
    if asked := requested_properties(request, datasets=subject.is_dataset):
        return JSONResponse(read_properties(subject, asked))
    body = read_properties(subject, _ALWAYS)
    body |= {} if subject.is_dataset else {"modelId": str(artifact.name)}
    if is_true(request, "blobs"):
        body["siblings"] = [_sibling(file) for file in subject.files]
    if is_true(request, "securityStatus"):
        body["securityRepoStatus"] = repository_status(scans_in(hub.registry.database, subject.commit))
    return JSONResponse(body)


def _sibling(file: File) -> dict[str, Any]:
    held = pointer(file)
    lfs = {"sha256": file.digest.hex, "size": file.size_bytes, "pointerSize": len(held)}
    return {"rfilename": file.path, "size": file.size_bytes, "blobId": blob_id(held), "lfs": lfs}
