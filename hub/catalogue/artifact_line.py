"""One line of a list of artifacts: distinguishing facts and the headline score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hub.records import Artifact, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactLine:
    """An artifact in a list."""

    artifact: str
    """`owner/name`, after `datasets/` for a data set: also the path of its page."""
    kind: str
    summary: str
    method: str
    license: str
    languages: tuple[str, ...]
    bases: tuple[str, ...]
    score: Score | None
    """Its best score, as `hub search` shows it."""
    downloads: int
    updated_at: datetime | None


def lines_of(artifacts: Iterable[Artifact]) -> tuple[ArtifactLine, ...]:
    """Return the lines of artifacts that were read with their best score alone."""
    return tuple(
        ArtifactLine(
            artifact=str(each.name), kind=each.kind, summary=each.summary, method=each.method, license=each.license,
            languages=each.languages, bases=each.bases, score=each.scores[0] if each.scores else None, downloads=each.downloads,
            updated_at=each.updated_at,
        )
        for each in artifacts
    )  # fmt: skip
