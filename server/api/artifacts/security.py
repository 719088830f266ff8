"""What is known of a revision's trust: files that can run code, what scanners found in them, and who has signed."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from pydantic import Field

from hub.records import Signature
from hub.registry.artifacts.scans import Scan, scans_in, worst
from server.auth.access import Hub, Wanted
from server.http.wire import Body
from server.openapi.document import query_parameter


class UnsafeFile(Body):
    """A file that can run code when it is loaded."""

    path: str
    kind: str = Field(description="`pickle`, `archive` or `program`.")
    verdict: str = Field(description="`unscanned`, `clean`, `suspicious`, `malicious` or `inconclusive`.")
    scanner: str
    scanned_at: datetime | None
    evidence: list[str]


class SecurityBody(Body):
    """A scan that finds nothing is a tripwire that nobody has touched, and no proof that a file is harmless."""

    revision: str
    any_file: bool = Field(description="An administrator has allowed files that can run code.")
    verdict: str = Field(description="The worst of all files; empty when none can run code.")
    unsafe_files: list[UnsafeFile]
    verified_by: str = Field(description="Account and key; empty when unsigned or not verified.")
    signature: Signature | None


def get_security(request: Request, hub: Hub, artifact: Wanted) -> SecurityBody:
    """Files of a revision that can run code, what scanners found, and who has signed."""
    found = hub.registry.revision(artifact.name, request.query_params.get("revision") or "main")
    scans = scans_in(hub.registry.database, found.id)
    signature = found.signature
    return SecurityBody(
        revision=found.id,
        any_file=artifact.any_file,
        verdict=worst(scans.values()),
        unsafe_files=[_file(path, scan) for path, scan in scans.items()],
        verified_by=f"{signature.account}, {signature.signer}" if signature and signature.verified else "",
        signature=signature,
    )


def _file(path: str, scan: Scan) -> UnsafeFile:
    return UnsafeFile(
        path=path,
        kind=scan.kind,
        verdict=scan.verdict,
        scanner=scan.scanner,
        scanned_at=scan.scanned_at,
        evidence=list(scan.evidence),
    )


PARAMETERS = (
    *({"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in ("owner", "name")),
    query_parameter("revision", "Id, number, branch or tag; `main` when absent.", {"type": "string"}),
)
"""Of the address, for the API's document."""
