"""GET /api/models/{repository}[/revision/{revision}]: one repository, all its files included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.records import Artifact, File
from hub.registry import CURATED_OWNER
from hub.registry.scans import scans_in
from server.access import Hub, Wanted, is_dataset
from server.addresses import Segment, commit_id
from server.card import front_matter
from server.protocol.flags import is_true
from server.protocol.git_objects import blob_id, pointer
from server.protocol.security import repository_status

_RELATIONS = {"adapter": "adapter", "projector": "adapter", "delta": "adapter", "encoder": "finetune"}
"""Our kinds in the words of the Hugging Face Hub's base-model tree."""


def describe_repository(request: Request, hub: Hub, artifact: Wanted, revision: Segment = "main") -> Response:
    """What `model_info` and `dataset_info` read; with `blobs=true` also sizes and digests."""
    description = summary(artifact)
    if artifact.revision or revision != "main":
        found = hub.registry.revision(artifact.name, revision)
        description |= {
            "sha": commit_id(found.id),
            "siblings": [_sibling(file, with_blob=is_true(request, "blobs")) for file in found.files],
            "cardData": front_matter(hub.store, found),
            "usedStorage": sum(file.size_bytes for file in found.files),
        }
        if is_true(request, "securityStatus"):
            description["securityRepoStatus"] = repository_status(scans_in(hub.registry.database, found.id))
    return JSONResponse(description)


def summary(artifact: Artifact) -> dict[str, Any]:
    """What a list and a description have in common."""
    name = str(artifact.name)
    return {
        "_id": artifact.revision[:24] or name,
        "id": name,
        **({} if is_dataset(artifact) else {"modelId": name}),
        "author": artifact.name.owner,
        "sha": commit_id(artifact.revision) or None,
        "private": artifact.private,
        "gated": artifact.gated or False,
        "disabled": False,
        "downloads": artifact.downloads,
        "likes": artifact.likes,
        "tags": list(tags(artifact)),
        "pipeline_tag": "text-to-image" if not is_dataset(artifact) else None,
        "library_name": "diffusers" if artifact.kind == "base" else "linguahub",
        "createdAt": in_zulu(artifact.created_at),
        "lastModified": in_zulu(artifact.updated_at),
        "siblings": [],
    }


def tags(artifact: Artifact) -> tuple[str, ...]:
    """The words that `list_models(filter=…)` can ask for, in the Hugging Face Hub's spelling."""
    words = [artifact.kind, artifact.method, *artifact.languages]
    words += [f"license:{artifact.license.lower()}"] if artifact.license else []
    for base in artifact.bases:
        full = base if "/" in base else f"{CURATED_OWNER}/{base}"
        words += [f"base_model:{full}", f"base_model:{_RELATIONS.get(artifact.kind, 'finetune')}:{full}"]
    return tuple(dict.fromkeys([word for word in words if word] + list(artifact.tags)))


def in_zulu(moment: datetime | None) -> str | None:
    """RFC 3339 with milliseconds and `Z`, the one form that the client parses."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _sibling(file: File, *, with_blob: bool) -> dict[str, Any]:
    if not with_blob:
        return {"rfilename": file.path}
    held = pointer(file)
    lfs = {"sha256": file.digest.hex, "size": file.size_bytes, "pointerSize": len(held)}
    return {"rfilename": file.path, "size": file.size_bytes, "blobId": blob_id(held), "lfs": lfs}
