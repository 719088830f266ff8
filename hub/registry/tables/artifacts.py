"""The tables of artifacts, their revisions and files. Imported for writing and creating only, as `table`.

Full-text search has an index of its own, kept by the database from `words` and `facets`: the table `artifact_text`
(FTS5, by triggers) in SQLite, the column `search` (tsvector, generated) in PostgreSQL.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, ForeignKey, Index, UniqueConstraint, event, false, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.names import ArtifactName
from hub.registry.tables.base import Table

_NEW = "INSERT INTO artifact_text (rowid, words, facets) VALUES (new.id, new.words, new.facets);"
_OLD = (
    "INSERT INTO artifact_text (artifact_text, rowid, words, facets) VALUES ('delete', old.id, old.words, old.facets);"
)
_TEXT_INDEX = {
    # Beginnings of words have lists of their own: without one, FTS5 merges the lists of all words that begin so before
    # it gives the first match, which takes half a second for a common one among a million.
    "sqlite": (
        (
            "CREATE VIRTUAL TABLE artifact_text USING fts5(words, facets, content = 'artifacts', content_rowid = 'id', "
            "detail = 'none', prefix = '1 2 3 4 5 6 7 8', tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* M* P* S* Co'\")"
        ),
        f"CREATE TRIGGER artifact_text_insert AFTER INSERT ON artifacts BEGIN {_NEW} END",
        f"CREATE TRIGGER artifact_text_delete AFTER DELETE ON artifacts BEGIN {_OLD} END",
        (
            "CREATE TRIGGER artifact_text_update AFTER UPDATE OF words, facets ON artifacts "
            f"WHEN old.words <> new.words OR old.facets <> new.facets BEGIN {_OLD} {_NEW} END"
        ),
    ),
    "postgresql": (
        (
            "ALTER TABLE artifacts ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS "
            "(array_to_tsvector(array_remove(string_to_array(words || ' ' || facets, ' '), ''))) STORED"
        ),
        "CREATE INDEX artifacts_by_words ON artifacts USING gin (search) WITH (fastupdate = off)",
    ),
}
"""Made with the table `artifacts`. Triggers keep SQLite's, so that no writer can forget it."""


class ArtifactRow(Table):
    """A named thing, as its newest revision describes it."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("artifacts_by_kind", "kind"),
        Index("artifacts_by_method", "method"),
        Index("artifacts_by_license", "license"),
        Index("artifacts_by_ranking", "ranking", text("downloads DESC"), "key"),
        Index("artifacts_by_update", text("updated_at DESC"), "key"),
        Index("artifacts_by_downloads", text("downloads DESC"), "key"),
        Index("artifacts_by_bare_name", "bare_key", "key"),
        Index("artifacts_by_privacy", "private", "owner"),
        Index("artifacts_by_creation", text("created_at DESC"), "key"),
        Index("artifacts_by_likes", text("likes DESC"), "key"),
        Index("artifacts_by_trend", text("trending DESC"), "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """`owner/name` in lower case."""
    bare_key: Mapped[str]
    """`name` in lower case."""
    kind: Mapped[str]
    summary: Mapped[str]
    license: Mapped[str]
    method: Mapped[str]
    encoder: Mapped[str]
    conditioning: Mapped[dict[str, Any] | None]
    tags: Mapped[list[Any]]
    upstream: Mapped[list[Any]]
    weights_digest: Mapped[str]
    size_bytes: Mapped[int]
    downloads: Mapped[int] = mapped_column(default=0)
    ranking: Mapped[float]
    """Of its best score in its own languages; see `hub.registry.index.ranking`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    private: Mapped[bool] = mapped_column(default=False)
    gated: Mapped[str] = mapped_column(default="")
    """`auto`, `manual` or empty."""
    allow_unsafe_files: Mapped[bool] = mapped_column(default=False)
    """An administrator has allowed files that may run code."""
    likes: Mapped[int] = mapped_column(default=0)
    trending: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Downloads and likes, the later the more; see `hub.registry.index.trending`."""
    weights: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """SHA-256 of each weights file of the head → numbers by type."""
    parameters: Mapped[int | None]
    """All of them together; None without weights, and for an artifact of before they were counted."""
    words: Mapped[str] = mapped_column(server_default="")
    """What search looks through; see `hub.registry.index.text`."""
    facets: Mapped[str] = mapped_column(server_default="")
    """What else it is found by; see `hub.registry.index.tags`."""


for _dialect, _statements in _TEXT_INDEX.items():
    for _statement in _statements:
        _made = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]  # The library says no types.
        event.listen(ArtifactRow.__table__, "after_create", _made)


def artifact_row(session: Session, name: ArtifactName) -> ArtifactRow | None:
    """The row of an artifact; None for one that is not here."""
    return session.scalar(select(ArtifactRow).where(ArtifactRow.key == name.key))


class LanguageRow(Table):
    """A language that an artifact is for."""

    __tablename__ = "artifact_languages"
    __table_args__ = (
        Index("artifacts_by_language", "tag", "artifact_id"),
        Index("languages_by_ranking", "tag", "ranking", "artifact_id"),
    )

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str]
    ranking: Mapped[float] = mapped_column(server_default="1000")
    """Among the artifacts for this language; see `hub.registry.index.ranking.ranking_in`."""


class BaseRow(Table):
    """A base that an artifact can be plugged into."""

    __tablename__ = "artifact_bases"
    __table_args__ = (Index("artifacts_by_base", "base_key", "artifact_id"),)

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    base: Mapped[str]
    base_key: Mapped[str]
    """The name without its owner, in lower case: what `--base` is compared with."""


class FacetCountRow(Table):
    """How many artifacts have a value of a facet: kept by whoever writes, so that nobody has to count."""

    __tablename__ = "facet_counts"

    facet: Mapped[str] = mapped_column(primary_key=True)
    """`kind`, `method`, `license`, `owner`, `language`, `base`; empty for all artifacts together."""
    value: Mapped[str] = mapped_column(primary_key=True)
    artifacts: Mapped[int]


class VariantRow(Table):
    """One artifact's weights for one base."""

    __tablename__ = "variants"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    folder: Mapped[str] = mapped_column(primary_key=True)
    base: Mapped[str]
    base_digest: Mapped[str]
    encoder: Mapped[str | None]
    encoder_digest: Mapped[str | None]
    method: Mapped[str]
    architecture: Mapped[str]
    conditioning: Mapped[dict[str, Any]]


class BlobRow(Table):
    """Bytes that the store holds because a revision names them."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]


class RevisionRow(Table):
    """One immutable content of an artifact."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("artifact_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of its manifest, which is a blob too."""
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"))
    number: Mapped[int]
    created_at: Mapped[datetime]
    message: Mapped[str]
    parent: Mapped[str]
    yanked: Mapped[bool] = mapped_column(default=False)
    author: Mapped[str] = mapped_column(default="")
    """The account that made it on a server."""


class FileRow(Table):
    """One file of a revision. It cannot name a blob that is not there."""

    __tablename__ = "files"
    __table_args__ = (Index("files_by_blob", "digest"),)

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(ForeignKey("blobs.digest"))
    size_bytes: Mapped[int]


class RefRow(Table):
    """A name for a revision: `main` and other branches move on, tags stay."""

    __tablename__ = "refs"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))
    kind: Mapped[str] = mapped_column(default="branch")
    """`branch`, `tag` or `alias`."""
    message: Mapped[str] = mapped_column(default="")
    """Of a tag."""
    protected: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Of an alias: only who may administer the artifact moves it."""


class DownloadRow(Table):
    """How often an artifact was downloaded on one day."""

    __tablename__ = "downloads"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11-23`, in UTC."""
    downloads: Mapped[int]


class IndexedRow(Table):
    """A curated folder that the registry was built from, and what it looked like then."""

    __tablename__ = "indexed"

    source: Mapped[str] = mapped_column(primary_key=True)
    """Folder below `cards/`; `.` for all of them together."""
    stamp: Mapped[str]
    artifact: Mapped[str]
    """`owner/name`; empty for `.`."""
