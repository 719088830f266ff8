"""The tables of the registry. Imported for writing and migrating only: SQLAlchemy's ORM costs 0.3 s to import.

Full-text search has an index of its own, kept by the database from `words` and `facets`: the table `artifact_text`
(FTS5, by triggers) in SQLite, the column `search` (tsvector, generated) in PostgreSQL.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Sorted by its bytes, in PostgreSQL as in SQLite."""
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: files may be larger than 2 GB. SQLite's INTEGER has them anyway."""


class Table(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {str: TEXT, int: WHOLE, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own protocol


class ArtifactRow(Table):
    """A named thing, as its newest revision describes it."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("artifacts_by_kind", "kind"),
        Index("artifacts_by_method", "method"),
        Index("artifacts_by_license", "license"),
        Index("artifacts_by_standing", "standing", text("downloads DESC"), "key"),
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
    standing: Mapped[float]
    """Of its best score in its own languages; see `hub.registry.standing`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    private: Mapped[bool] = mapped_column(default=False)
    gated: Mapped[str] = mapped_column(default="")
    """`auto`, `manual` or empty."""
    any_file: Mapped[bool] = mapped_column(default=False)
    """An administrator has allowed files that may run code."""
    likes: Mapped[int] = mapped_column(default=0)
    trending: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Downloads and likes, the later the more; see `hub.registry.trend`."""
    weights: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """SHA-256 of each weights file of the head → numbers by type."""
    parameters: Mapped[int | None]
    """All of them together; None without weights, and for an artifact of before they were counted."""
    words: Mapped[str] = mapped_column(server_default="")
    """What search looks through; see `hub.registry.words`."""
    facets: Mapped[str] = mapped_column(server_default="")
    """What else it is found by; see `hub.registry.labels`."""


class LanguageRow(Table):
    """A language that an artifact is for."""

    __tablename__ = "artifact_languages"
    __table_args__ = (
        Index("artifacts_by_language", "tag", "artifact_id"),
        Index("languages_by_standing", "tag", "standing", "artifact_id"),
    )

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str]
    standing: Mapped[float] = mapped_column(server_default="1000")
    """Among the artifacts for this language; see `hub.registry.standing.standing_in`."""


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


_BY_TRIAL = ("metric", "provenance", "benchmark", "split", "value", "artifact_id", "base")


class ScoreRow(Table):
    """One number and all that is needed to judge it."""

    __tablename__ = "scores"
    __table_args__ = (
        CheckConstraint("provenance in ('reported', 'measured', 'disputed')", name="scores_have_a_provenance"),
        CheckConstraint("source <> ''", name="scores_have_a_source"),
        Index("scores_by_standing", "artifact_id", "language", "standing"),
        Index("scores_by_place", "artifact_id", "standing"),
        Index("scores_by_benchmark", "benchmark", "metric", "language", "value"),
        Index("scores_by_metric", "metric", "provenance", "value", "artifact_id"),
        Index("scores_by_language", "language", "metric", "provenance", "value", "artifact_id"),
        Index("scores_by_trial", *_BY_TRIAL),
        Index("scores_by_trial_and_language", "language", *_BY_TRIAL),
    )

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str]
    value: Mapped[float]
    benchmark: Mapped[str]
    benchmark_digest: Mapped[str]
    split: Mapped[str]
    language: Mapped[str]
    base: Mapped[str]
    unit: Mapped[str]
    better: Mapped[str]
    provenance: Mapped[str]
    source: Mapped[str]
    reason: Mapped[str]
    sample_size: Mapped[int | None]
    seed: Mapped[int | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    standing: Mapped[float]
    """Lower is better; see `hub.registry.standing`."""
    author: Mapped[str] = mapped_column(default="", server_default="")
    """The account that published it through the server; empty for a score of the card."""
    revision: Mapped[str] = mapped_column(default="", server_default="")
    """Id of the revision that was measured; like the next three, of published scores alone."""
    run: Mapped[str] = mapped_column(default="", server_default="")
    machine: Mapped[str] = mapped_column(default="", server_default="")
    published_at: Mapped[datetime | None]


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


class OutboxRow(Table):
    """Derived work that a transaction owes; done after it, as often as needed."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_by_subject", "task", "subject", "id"), Index("outbox_by_time", "task", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str]
    """`write-reference`, `deliver-webhook` …"""
    subject: Mapped[str]
    """What it is about: `owner/name`, a digest."""
    created_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    """When to begin, or to try again."""
    claimed_until: Mapped[datetime | None]
    """When whoever works on it must have finished."""
    error: Mapped[str] = mapped_column(default="", server_default="")
    """Why the last attempt failed."""
    given_up_at: Mapped[datetime | None]


class IndexedRow(Table):
    """A curated folder that the registry was built from, and what it looked like then."""

    __tablename__ = "indexed"

    source: Mapped[str] = mapped_column(primary_key=True)
    """Folder below `cards/`; `.` for all of them together."""
    stamp: Mapped[str]
    artifact: Mapped[str]
    """`owner/name`; empty for `.`."""
