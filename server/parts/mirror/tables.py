"""The tables of mirrored repositories. Only imported to write rows and create tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class MirrorRow(Table):
    """A repository of another hub that was requested here."""

    __tablename__ = "mirrors"

    key: Mapped[str] = mapped_column(primary_key=True)
    """`models/owner/name` or `datasets/owner/name`, in lower case."""
    name: Mapped[str]
    """`owner/name`."""
    upstream: Mapped[str]
    """URL of the other hub."""
    restricted: Mapped[bool]
    """Whether it is private or gated there: then it is only visible to users with an account here."""
    created_at: Mapped[datetime]


class MirrorCommitRow(Table):
    """A commit, under the upstream's id. It never changes."""

    __tablename__ = "mirror_commits"

    key: Mapped[str] = mapped_column(ForeignKey("mirrors.key", ondelete="CASCADE"), primary_key=True)
    commit_id: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[dict[str, Any]]
    """The upstream's `model_info`, without files and fields that are specific to that server."""
    fetched_at: Mapped[datetime]


class MirrorFileRow(Table):
    """A file of a commit. Its content is stored if `mirror_blobs` has the `etag`."""

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
    """Git's blob id of the file or of its LFS pointer."""
    etag: Mapped[str]
    """SHA-256 of an LFS file, `blob_id` of a file in git."""


class MirrorRefRow(Table):
    """The commit of a branch or tag when it was last checked."""

    __tablename__ = "mirror_refs"

    key: Mapped[str] = mapped_column(ForeignKey("mirrors.key", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    commit_id: Mapped[str]
    checked_at: Mapped[datetime]


class MirrorBlobRow(Table):
    """The stored content of a mirrored file."""

    __tablename__ = "mirror_blobs"

    etag: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    size_bytes: Mapped[int]
    used_at: Mapped[datetime | None]
    """When it was last requested, within USE_INTERVAL; None if that was before this column existed."""
