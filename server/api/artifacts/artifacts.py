"""GET /api/v1/artifacts/{owner}/{name}: an artifact with its revisions, files, tensors and downloads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from hub.cards.card import FILE
from hub.errors import DamagedFile, UnknownFile
from hub.local import LocalHub
from hub.names import Digest
from hub.publish.lineage import Lineage, lineages
from hub.records import Artifact, File, Revision, Signature, StandIn
from hub.registry.artifacts.aliases import aliases
from hub.registry.artifacts.downloads import downloads_by_day, today
from hub.registry.artifacts.scans import Scan, scans_in
from hub.registry.parts import origin_of
from hub.registry.scores.scores import published_scores
from hub.store import BlobStore
from hub.store.read_whole import read_whole
from hub.weights.header import SUFFIX, StoredTensor, tensors_in
from server.api.artifacts.scores import PublishedScoreBody, score_body
from server.auth.access import Hub, get_by_any_name, requested_name, stand_ins_of
from server.http.response_bodies import ArtifactBody, Body, artifact_body, json_response
from server.openapi.parameters import ApiArtifact, Name, RevisionName

DAYS = 30
"""Number of days in `downloads_by_day`."""
MAX_TENSORS = 20_000
"""Tensors in one response."""
_MAX_READ = 64
_READ: dict[Digest, tuple[StoredTensor, ...]] = {}
"""Cached headers by digest, shared by all stores: a digest means the same bytes everywhere."""
MAX_CARD = 1 << 20
"""Largest card in bytes that `card` includes."""


class FileBody(Body):
    """One file of a revision."""

    path: str = Field(examples=["emoji-sd/model.safetensors"])
    digest: str
    size_bytes: int


class ScanBody(Body):
    """A scan of a file that can run code. It reduces risk but cannot prove that a file is safe."""

    digest: str
    name: str
    kind: Literal["pickle", "archive", "program"]
    verdict: str
    scanner: str
    report: dict[str, Any]
    scanned_at: datetime | None


class MirrorBody(Body):
    """The upstream hub of a mirrored artifact."""

    upstream: str
    commit_id: str
    fetched_at: datetime
    restricted: bool


class RevisionBody(Body):
    """An immutable revision of an artifact."""

    id: str = Field(description="SHA-256 of its manifest; the first 40 digits are the commit id.")
    number: int = Field(examples=[2])
    created_at: datetime | None
    message: str
    parent: str
    yanked: bool
    author: str = Field(description="The account that created it on this server.")
    aliases: list[str] = Field(examples=[["@stable"]])
    signature: Signature | None = Field(
        description="Its signature, checked when the revision was created; null without one."
    )


class RevisionWithFilesBody(RevisionBody):
    """A revision with its files."""

    files: list[FileBody]


class WeightsBody(Body):
    """The tensors of one safetensors file, from its header."""

    path: str
    parameters: int = Field(description="Number of parameters in all tensors.")
    dtypes: dict[str, int] = Field(description="Parameters by dtype.", examples=[{"F16": 196608}])
    tensors: list[StoredTensor]


class DayBody(Body):
    """The downloads of one day."""

    day: str = Field(examples=["2026-11-23"])
    downloads: int


class ArtifactDetailsBody(ArtifactBody):
    """An artifact with its revisions, card, lineage, tensors, scans and downloads."""

    scores: list[PublishedScoreBody]  # type: ignore[assignment]  # It adds the author to each score.
    shown_revision: RevisionWithFilesBody | None = Field(description="The requested revision.")
    revisions: list[RevisionBody] = Field(description="Newest first.")
    card: str = Field(description="README.md of `shown_revision`.")
    lineage: list[Lineage]
    tensors: list[WeightsBody]
    mirror: MirrorBody | None
    scans: dict[str, ScanBody] = Field(description="Scans by path, of files that can run code.")
    downloads_by_day: list[DayBody] = Field(description=f"The last {DAYS} days, oldest first.")
    stand_ins: list[StandIn] = Field(
        description="The multilingual modules that its name refers to on bases that it is not made for."
    )


class TensorsBody(Body):
    """The tensors of all weights of a revision."""

    revision: str
    tensors: list[WeightsBody]


class DownloadsBody(Body):
    """Downloads over time."""

    total: int
    days: list[DayBody] = Field(description="Oldest first.")


def get_artifact(
    request: Request,
    hub: Hub,
    artifact: ApiArtifact,
    revision: Annotated[str, Query(max_length=256, description="Revision to show.", examples=["main"])] = "main",
) -> Response:
    """Return an artifact with its variants, scores, files, tensors, lineage and downloads.

    Raises UnknownRevision, and AllYanked for `main` if every revision is yanked.
    """
    shown = hub.registry.revision(artifact.name, revision)
    named = names_of_revisions(hub, artifact)
    content = artifact_body(artifact) | {
        "scores": [score_body(each) for each in published_scores(hub.registry.database, artifact.name)],
        "shown_revision": revision_body(shown, named) | {"files": file_bodies(shown)},
        "revisions": [revision_body(each, named) for each in hub.registry.revisions(artifact.name, with_files=False)],
        "card": _card(hub.store, shown),
        "lineage": list(lineages(shown, hub.store)),
        "tensors": list(tensors_of(hub.store, shown)),
        "mirror": origin_of(hub.registry.database, artifact.name),
        "scans": {path: _scan_body(scan) for path, scan in scans_in(hub.registry.database, shown.id).items()},
        "downloads_by_day": download_days(hub, artifact, DAYS),
        "stand_ins": stand_ins_of(hub, artifact, request),
    }
    return json_response(content)


def find_artifact(request: Request, hub: Hub, name: Name) -> Response:  # noqa: ARG001 - for the document
    """Redirect a name without owner to the artifact, resolved in the same way as by `hub show`: also another name of a base."""
    found = get_by_any_name(hub, requested_name(request), request)
    address = f"/api/v1/artifacts/{found.name}{f'?{request.url.query}' if request.url.query else ''}"
    return RedirectResponse(address, 307, {"Cache-Control": "no-store"})


def get_tensors(hub: Hub, artifact: ApiArtifact, revision: RevisionName) -> Response:
    """List a revision's tensors by name, shape and dtype, from the headers of its safetensors files."""
    found = hub.registry.revision(artifact.name, revision)
    return json_response({"revision": found.id, "tensors": list(tensors_of(hub.store, found))})


def get_downloads(
    hub: Hub,
    artifact: ApiArtifact,
    days_back: Annotated[int, Query(alias="days", ge=1, le=3650, description="Number of days.")] = 365,
) -> Response:
    """Return the downloads of each of the last `days` days, including days without downloads."""
    return json_response({"total": artifact.downloads, "days": download_days(hub, artifact, days_back)})


def revision_body(revision: Revision, named: dict[str, list[str]]) -> dict[str, Any]:
    """Return a revision as `RevisionBody`."""
    facts = ("id", "number", "created_at", "message", "parent", "yanked", "author", "signature")
    return {name: getattr(revision, name) for name in facts} | {"aliases": named.get(revision.id, [])}


def file_bodies(revision: Revision) -> list[dict[str, Any]]:
    """Return a revision's files as `FileBody`."""
    return [{"path": each.path, "digest": each.digest.hex, "size_bytes": each.size_bytes} for each in revision.files]


def names_of_revisions(hub: LocalHub, artifact: Artifact) -> dict[str, list[str]]:
    """Return aliases by revision id."""
    named: dict[str, list[str]] = {}
    for each in aliases(hub.registry.database, artifact.name):
        named.setdefault(each.revision, []).append(each.name)
    return named


def download_days(hub: LocalHub, artifact: Artifact, count: int) -> list[dict[str, Any]]:
    """Return downloads as `DayBody`, one for every day."""
    counted = downloads_by_day(hub.registry.database, artifact.name, count)
    listed = (str(today() - timedelta(days=back)) for back in range(count - 1, -1, -1))
    return [{"day": day, "downloads": counted.get(day, 0)} for day in listed]


def tensors_of(store: BlobStore, revision: Revision) -> Iterator[dict[str, Any]]:
    """Yield the tensors of each safetensors file: at most MAX_TENSORS in total, while the sums include all."""
    left = MAX_TENSORS
    for file in revision.files:
        if not file.path.endswith(SUFFIX):
            continue
        try:
            found = _tensors(store, file)
        except (DamagedFile, UnknownFile, ValueError):
            continue  # Damaged since, or published before headers were checked: the other files are shown.
        dtypes: dict[str, int] = {}
        for each in found:
            dtypes[each.dtype] = dtypes.get(each.dtype, 0) + each.numbers
        listed = [{"name": each.name, "dtype": each.dtype, "shape": each.shape} for each in found[:left]]
        left -= len(listed)
        yield {"path": file.path, "parameters": sum(dtypes.values()), "dtypes": dtypes, "tensors": listed}


def _tensors(store: BlobStore, file: File) -> tuple[StoredTensor, ...]:
    """Return the tensors of a file, cached because reading a header from a bucket takes a request."""
    if (known := _READ.get(file.digest)) is None:
        with store.open(file.digest, file.size_bytes) as opened:
            known = tensors_in(opened)
        while len(_READ) >= _MAX_READ:
            _READ.pop(next(iter(_READ)), None)
        _READ[file.digest] = known
    return known


def _scan_body(scan: Scan) -> dict[str, Any]:
    facts = ("name", "kind", "verdict", "scanner", "report", "scanned_at")
    return {name: getattr(scan, name) for name in facts} | {"digest": scan.digest.hex}


def _card(store: BlobStore, revision: Revision) -> str:
    found = next((file for file in revision.files if file.path == FILE), None)
    if found is None or found.size_bytes > MAX_CARD:
        return ""
    return (read_whole(store, found.digest, found.size_bytes) or b"").decode("utf-8", "replace")
