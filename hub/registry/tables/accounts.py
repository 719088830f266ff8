"""The tables of accounts and their actions. Imported only for writing and for creating the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, false
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class AccountRow(Table):
    """A user or an organisation."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("kind in ('user', 'organisation')", name="accounts_have_a_kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """`name` in lower case."""
    kind: Mapped[str]
    full_name: Mapped[str]
    email: Mapped[str]
    is_admin: Mapped[bool]
    password: Mapped[str | None]
    """Argon2id hash in its standard encoding."""
    quota_bytes: Mapped[int | None]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    """When the account was removed; its name stays reserved."""
    about: Mapped[str] = mapped_column(default="", server_default="")
    """A text about the account, in plain text."""


class MembershipRow(Table):
    """A user in an organisation."""

    __tablename__ = "memberships"
    __table_args__ = (Index("memberships_by_user", "user_id"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]


class TokenRow(Table):
    """An access token of an account."""

    __tablename__ = "tokens"
    __table_args__ = (Index("tokens_by_account", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    artifact: Mapped[str]
    """Key of the artifact that it is restricted to; empty for all."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    """None for no expiry."""
    former_sha256: Mapped[str | None] = mapped_column(unique=True)
    """SHA-256 of the secret before the last refresh, which stays valid until `former_expires_at`."""
    former_expires_at: Mapped[datetime | None]


class SessionRow(Table):
    """A browser in which an account is logged in."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_account", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"))
    """The token that the session was started with, and whose permissions it has; None if it was started with the password."""
    sha256: Mapped[str] = mapped_column(unique=True)
    agent: Mapped[str]
    """User agent of the browser."""
    address: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]


class ResetLinkRow(Table):
    """A link with which a user sets a new password, once."""

    __tablename__ = "reset_links"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]


class LoginAttemptRow(Table):
    """The number of recent login attempts on a target."""

    __tablename__ = "login_attempts"

    target: Mapped[str] = mapped_column(primary_key=True)
    """Keyed digest of the name or code: a password typed into the name field must not be readable here."""
    count: Mapped[int]
    since: Mapped[datetime]


class AuditRow(Table):
    """A change that an account made on a server."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_by_subject", "subject", "id"),
        Index("audit_by_actor", "actor", "id"),
        Index("audit_by_action", "action", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    token: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    """`commit`, `repository.create`, `token.create` …"""
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]


class LikeRow(Table):
    """An account's like of an artifact."""

    __tablename__ = "likes"
    __table_args__ = (Index("likes_by_artifact", "artifact_id"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]


class AccessRequestRow(Table):
    """An account's request for the files of a gated artifact."""

    __tablename__ = "access_requests"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'accepted', 'rejected')", name="requests_have_a_status"),
        Index("requests_by_artifact", "artifact_id", "status"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[str]
    reason: Mapped[str]
    """Reason of a rejection."""
    at: Mapped[datetime]


class TombstoneRow(Table):
    """A former name of a deleted or moved artifact."""

    __tablename__ = "tombstones"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    moved_to: Mapped[str]
    """`owner/name`; empty if the artifact was deleted."""
    at: Mapped[datetime]


class UploadRow(Table):
    """A blob that an account has uploaded, and may reference in a commit."""

    __tablename__ = "uploads"
    __table_args__ = (Index("uploads_by_owner", "owner", "at"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    at: Mapped[datetime]
    owner: Mapped[str] = mapped_column(server_default="")
    """Owner of the repository that it was uploaded for, in lower case, whose quota it counts against; empty if none."""
    is_part: Mapped[bool] = mapped_column(server_default=false())
    """Whether it is only a part of an object."""


class NarrowUploadRow(Table):
    """A blob that an account has uploaded with a token for one artifact. Such a token may reference no other uploads."""

    __tablename__ = "narrow_uploads"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    artifact: Mapped[str] = mapped_column(primary_key=True)
    """Key of the artifact that the token is limited to."""


class XorbRow(Table):
    """A xorb that an account has uploaded; its bytes are a blob."""

    __tablename__ = "xorbs"
    __table_args__ = (Index("xorbs_by_owner", "owner", "used_at"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[str] = mapped_column(primary_key=True)
    """BLAKE3 Merkle root in Xet's notation."""
    digest: Mapped[str]
    """SHA-256 of its serialised form, which is in the store."""
    size_bytes: Mapped[int]
    chunks: Mapped[bytes] = mapped_column(LargeBinary)
    """Hash, position and sizes of every chunk; see `hub.xet.xorb`."""
    at: Mapped[datetime]
    used_at: Mapped[datetime]
    """When a shard last referenced it."""
    owner: Mapped[str] = mapped_column(server_default="")
    """As in `uploads`."""


class SettingRow(Table):
    """A setting shared by all workers of a server."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
