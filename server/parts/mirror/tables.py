"""The tables of repositories that another hub has. Imported for writing and creating only, as `table`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class MirrorRow(Table):
    """A repository of another hub that is kept here, as far as somebody has asked for it."""

    __tablename__ = "mirrors"

    key: Mapped[str] = mapped_column(primary_key=True)
    """`models/owner/name` or `datasets/owner/name`, in lower case."""
    name: Mapped[str]
    """`owner/name`."""
    upstream: Mapped[str]
    """Address of the hub that it comes from."""
    restricted: Mapped[bool]
    """Private or gated there: given to people with an account here alone."""
    created_at: Mapped[datetime]


class MirrorCommitRow(Table):
    """One commit of it, under the upstream's own id. It never changes."""

    __tablename__ = "mirror_commits"

    key: Mapped[str] = mapped_column(ForeignKey("mirrors.key", ondelete="CASCADE"), primary_key=True)
    commit_id: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[dict[str, Any]]
    """What the upstream's `model_info` said, without files and without what belongs to that server alone."""
    fetched_at: Mapped[datetime]


class MirrorFileRow(Table):
    """One file of a commit; its bytes are here when `mirror_blobs` says so."""

    __tablename__ = "mirror_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["key", "commit_id"], ["mirror_commits.key", "mirror_commits.commit_id"], ondelete="CASCADE"
        ),
        Index("mirror_files_by_content", "etag"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    commit_id: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    blob_id: Mapped[str]
    """Git's id of what git has there: of the file, or of its pointer."""
    etag: Mapped[str]
    """What its bytes are known by: their SHA-256 for a large file, `blob_id` for one that git holds."""


class MirrorRefRow(Table):
    """Where a branch or tag was when the upstream was asked last."""

    __tablename__ = "mirror_refs"

    key: Mapped[str] = mapped_column(ForeignKey("mirrors.key", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    commit_id: Mapped[str]
    checked_at: Mapped[datetime]


class MirrorBlobRow(Table):
    """Bytes of mirrored files that are in the store."""

    __tablename__ = "mirror_blobs"

    etag: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    size_bytes: Mapped[int]
