"""GET …/security: scans of files that can run code, and the signature of the revision."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from hub.records import Signature
from hub.registry.artifacts.scans import scans_in, worst_verdict
from server.auth.access import Hub
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import ApiArtifact


class UnsafeFile(Body):
    """A file that can run code when it is loaded."""

    path: str
    kind: str = Field(description="`pickle`, `archive` or `program`.")
    verdict: str = Field(description="`unscanned`, `clean`, `suspicious`, `malicious` or `inconclusive`.")
    scanner: str
    scanned_at: datetime | None
    evidence: list[str]


class SecurityBody(Body):
    """Scans and signature of a revision. Scanning reduces risk but cannot prove a file is safe."""

    revision: str
    allow_unsafe_files: bool = Field(description="Whether an administrator has allowed files that can run code.")
    verdict: str = Field(description="The worst verdict of all files; empty if none can run code.")
    unsafe_files: list[UnsafeFile]
    verified_by: str = Field(description="Account and key of the signer; empty if there is no verified signature.")
    signature: Signature | None


def get_security(
    hub: Hub,
    artifact: ApiArtifact,
    revision: Annotated[str, Query(max_length=256, description="Revision to show.", examples=["main"])] = "main",
) -> Response:
    """Return the signature of a revision, and the scans of its files that can run code."""
    found = hub.registry.revision(artifact.name, revision or "main")
    scans = scans_in(hub.registry.database, found.id)
    signature = found.signature
    facts = ("kind", "verdict", "scanner", "scanned_at", "evidence")
    content = {
        "revision": found.id,
        "allow_unsafe_files": artifact.allow_unsafe_files,
        "verdict": worst_verdict(scans.values()),
        "unsafe_files": [
            {"path": path} | {fact: getattr(scan, fact) for fact in facts} for path, scan in scans.items()
        ],
        "verified_by": f"{signature.account}, {signature.signer}" if signature and signature.verified else "",
        "signature": signature,
    }
    return json_response(content)
