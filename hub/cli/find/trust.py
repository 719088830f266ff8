"""What `hub show` says of signatures, and of files that can run code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.records import Artifact, Revision
from hub.registry.artifacts.scans import Scan


def trust(artifact: Artifact, shown: Revision, scans: Mapping[str, Scan]) -> Iterator[tuple[str, str]]:
    """Labels and what stands beside them; nothing for an unsigned revision of safe files."""
    if shown.signature is not None:
        yield "signature", shown.signature.words
    if artifact.any_file and not scans:
        yield "can run code", "an administrator has allowed it; this revision holds no such file"
    for path, scan in scans.items():
        yield "can run code", f"{path}: {scan.kind}, {scan.words}"
        for line in scan.evidence:
            yield "", line
