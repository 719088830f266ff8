"""One row of the list for each artifact."""

from __future__ import annotations

from dataclasses import dataclass

from hub.local import LocalHub
from hub.names import split_values
from hub.records import Artifact, Page, Query, Score
from hub.registry.artifacts.files import sample_images
from hub.registry.artifacts.scans import scans_in, worst_verdict_text
from hub.registry.names.stand_ins import say_zero_shot
from server.http.urls import commit_id, page_path, view_path
from server.pages import formatting

SHOWN_LANGUAGES = 4
"""Languages shown per artifact; the others are only counted."""
SHOWN_BASES = 2
"""Bases shown per artifact; the others are only counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """An artifact as shown in the list."""

    artifact: Artifact
    url: str
    image: str
    """Path of a sample image; empty if its files have none."""
    languages: tuple[formatting.LanguageName, ...]
    """The requested one first."""
    more_languages: int
    bases: tuple[str, ...]
    more_bases: int
    unsafe: str | None
    """The worst verdict on files that can run code; None if it may have no such files."""
    score: Score | None
    zero_shot: str
    """Note on a module that was not trained on the requested language."""


def rows_of(hub: LocalHub, page: Page, query: Query) -> list[Row]:
    """Return the rows of a page of results."""
    asked = query.language or (page.meaning.language if page.meaning else "")
    images = sample_images(hub.registry.database, page.items)
    return [_row(hub, artifact, asked, images.get(artifact.revision, "")) for artifact in page.items]


def _row(hub: LocalHub, artifact: Artifact, asked: str, image: str) -> Row:
    wanted = split_values(asked)
    tags = sorted(artifact.languages, key=lambda tag: tag not in wanted) if wanted else list(artifact.languages)
    return Row(
        artifact=artifact,
        url=page_path(artifact),
        image=view_path(artifact, "resolve", commit_id(artifact.revision), image) if image else "",
        languages=tuple(formatting.language(tag) for tag in tags[:SHOWN_LANGUAGES]),
        more_languages=len(tags[SHOWN_LANGUAGES:]),
        bases=tuple(map(formatting.short_name, artifact.bases[:SHOWN_BASES])),
        more_bases=len(artifact.bases[SHOWN_BASES:]),
        # Few artifacts are allowed to contain such files, so few lookups are needed.
        unsafe=worst_verdict_text(scans_in(hub.registry.database, artifact.revision).values())
        if artifact.allow_unsafe_files
        else None,
        score=artifact.scores[0] if artifact.scores else None,
        zero_shot=_zero_shot(artifact, wanted[0]) if len(wanted) == 1 else "",
    )


def _zero_shot(artifact: Artifact, language: str) -> str:
    has_score = any(each.language == language for each in artifact.scores)
    return say_zero_shot(artifact.trained_languages, language, has_score=has_score)
