"""The tables of artifacts, their revisions and files. Imported only for writing and for creating the schema.

The database maintains the full-text index from `words` and `facets`: the table `artifact_text` (FTS5, by triggers) in SQLite,
the column `search` (tsvector, generated) in PostgreSQL.
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
    # Prefixes have their own lists. Without them, FTS5 merges the lists of all words with the prefix before it returns the
    # first match, which takes half a second for a common prefix among a million artifacts.
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
"""Created with the table `artifacts`. In SQLite, triggers keep the index up to date."""


_WITH_ID: dict[str, Any] = {"postgresql_include": ["id"]}
"""Indexes of sort orders contain ids and bits of facets, so that most rows that do not match are passed without being read.

In SQLite, all indexes contain ids.
"""


class ArtifactRow(Table):
    """An artifact, as described by its newest revision."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("artifacts_by_kind", "kind"),
        Index("artifacts_by_owner_and_kind", "owner", "kind"),
        Index("artifacts_by_method", "method"),
        Index("artifacts_by_license", "license"),
        Index("artifacts_by_ranking", "ranking", text("downloads DESC"), "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_update", text("updated_at DESC"), "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_downloads", text("downloads DESC"), "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_bare_name", "bare_key", "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_privacy", "private", "owner"),
        Index("artifacts_by_creation", text("created_at DESC"), "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_likes", text("likes DESC"), "key", "facet_bits", **_WITH_ID),
        Index("artifacts_by_trend", text("trending DESC"), "key", "facet_bits", **_WITH_ID),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """`owner/name` in lower case, after `datasets/` for a data set."""
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
    """Ranking of its best score in its languages; see `hub.registry.index.ranking`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    private: Mapped[bool] = mapped_column(default=False)
    gated: Mapped[str] = mapped_column(default="")
    """`auto`, `manual` or empty."""
    allow_unsafe_files: Mapped[bool] = mapped_column(default=False)
    """Whether an administrator has allowed files that can run code."""
    likes: Mapped[int] = mapped_column(default=0)
    trending: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Downloads and likes, weighted towards recent ones; see `hub.registry.index.trending`."""
    weights: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """SHA-256 of each weights file of the head → number of parameters by dtype."""
    aliases: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """Other names of a base."""
    trained_languages: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """Languages that a module was trained on, if these are not all of its languages."""
    parameters: Mapped[int | None]
    """Total number of parameters; None without weights."""
    words: Mapped[str] = mapped_column(server_default="")
    """Searchable words; see `hub.registry.index.text`."""
    facets: Mapped[str] = mapped_column(server_default="")
    """Index words for facets, tags and name parts; see `hub.registry.index.tags`."""
    facet_bits: Mapped[int] = mapped_column(server_default="0")
    """See `hub.registry.index.facet_bits`."""


for _dialect, _statements in _TEXT_INDEX.items():
    for _statement in _statements:
        _ddl = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here.
        event.listen(ArtifactRow.__table__, "after_create", _ddl)


def artifact_row(session: Session, name: ArtifactName) -> ArtifactRow | None:
    """Return the row of an artifact, or None."""
    return session.scalar(select(ArtifactRow).where(ArtifactRow.key == name.key))


class LanguageRow(Table):
    """A language that an artifact is made for."""

    __tablename__ = "artifact_languages"
    __table_args__ = (
        Index("artifacts_by_language", "tag", "artifact_id", "facet_bits"),
        Index("languages_by_ranking", "tag", "ranking", "artifact_id", "facet_bits"),
    )

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str]
    ranking: Mapped[float] = mapped_column(server_default="1000")
    """Ranking among the artifacts for this language; see `hub.registry.index.ranking.ranking_in`."""
    facet_bits: Mapped[int] = mapped_column(server_default="0")
    """Those of the artifact."""


class BaseRow(Table):
    """A base that an artifact is made for."""

    __tablename__ = "artifact_bases"
    __table_args__ = (Index("artifacts_by_base", "base_key", "artifact_id"),)

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    base: Mapped[str]
    base_key: Mapped[str]
    """The name without its owner, in lower case, as searched for by `--base`."""


class FacetCountRow(Table):
    """The number of public artifacts with a value of a facet, updated by every write."""

    __tablename__ = "facet_counts"

    facet: Mapped[str] = mapped_column(primary_key=True)
    """`kind`, `method`, `license`, `owner`, `language` or `base`; empty for all artifacts."""
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
    """A blob that revisions reference."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]


class RevisionRow(Table):
    """One immutable content of an artifact."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("artifact_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of its manifest, which is also a blob."""
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"))
    number: Mapped[int]
    created_at: Mapped[datetime]
    message: Mapped[str]
    parent: Mapped[str]
    yanked: Mapped[bool] = mapped_column(default=False)
    author: Mapped[str] = mapped_column(default="")
    """The account that published it on a server."""


class FileRow(Table):
    """One file of a revision. Its blob must exist."""

    __tablename__ = "files"
    __table_args__ = (Index("files_by_blob", "digest"), Index("files_by_folder", "revision_id", "folder", "path"))

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(ForeignKey("blobs.digest"))
    size_bytes: Mapped[int]
    folder: Mapped[str] = mapped_column(server_default="")
    """The path up to the last `/`; empty at the top."""
    is_counted: Mapped[bool] = mapped_column(server_default=false())
    """Whether its download counts as one of the artifact."""


class FolderRow(Table):
    """A folder of a revision, with its git tree id; computed once, when the revision is recorded."""

    __tablename__ = "folders"
    __table_args__ = (Index("folders_by_parent", "revision_id", "parent", "path"),)

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    parent: Mapped[str]
    """The folder that contains it; empty at the top."""
    oid: Mapped[str]
    """40 hex digits; the same in two revisions exactly if nothing inside has changed."""


class RefRow(Table):
    """A name of a revision: branches such as `main` move, tags do not."""

    __tablename__ = "refs"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """`branch`, `tag` or `alias`: a branch and a tag can have the same name."""
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))
    message: Mapped[str] = mapped_column(default="")
    """Message of a tag."""
    protected: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether an alias can be moved only by accounts that may administer the artifact."""


class DownloadRow(Table):
    """The number of downloads of an artifact on one day."""

    __tablename__ = "downloads"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11-23`, in UTC."""
    downloads: Mapped[int]


class IndexedRow(Table):
    """A curated folder that was indexed, with its stamp at that time."""

    __tablename__ = "indexed"

    source: Mapped[str] = mapped_column(primary_key=True)
    """Folder below `cards/`; `.` for all folders together."""
    stamp: Mapped[str]
    artifact: Mapped[str]
    """`owner/name`; empty for `.`."""
