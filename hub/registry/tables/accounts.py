"""The tables of accounts and of what they leave behind. Imported for writing and creating only, as `table`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
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
    """Argon2's own encoding."""
    quota_bytes: Mapped[int | None]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    """Nobody is this account any more; its name is not given again."""


class MembershipRow(Table):
    """A user in an organisation."""

    __tablename__ = "memberships"
    __table_args__ = (Index("memberships_by_user", "user_id"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]


class TokenRow(Table):
    """What stands for an account in a program."""

    __tablename__ = "tokens"
    __table_args__ = (Index("tokens_by_account", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    artifact: Mapped[str]
    """Key of the one artifact it is for; empty for all."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    """None: never."""
    former_sha256: Mapped[str | None] = mapped_column(unique=True)
    """Of the secret before it was renewed; programs that hold it go on until `former_expires_at`."""
    former_expires_at: Mapped[datetime | None]


class SessionRow(Table):
    """Somebody is logged in with a browser."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_account", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"))
    """The token that it was begun with, and that limits it; None for one begun with the password."""
    sha256: Mapped[str] = mapped_column(unique=True)
    agent: Mapped[str]
    """What the browser calls itself."""
    address: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]


class LoginAttemptRow(Table):
    """How often somebody has attempted a login recently."""

    __tablename__ = "login_attempts"

    target: Mapped[str] = mapped_column(primary_key=True)
    """Keyed digest of what was tried: a password typed in the place of a name must not be readable here."""
    count: Mapped[int]
    since: Mapped[datetime]


class AuditRow(Table):
    """A change that somebody made on a server."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_subject", "subject", "id"), Index("audit_by_actor", "actor", "id"))

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
    """Somebody likes an artifact."""

    __tablename__ = "likes"
    __table_args__ = (Index("likes_by_artifact", "artifact_id"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]


class AccessRequestRow(Table):
    """Somebody asks for the files of a gated artifact."""

    __tablename__ = "access_requests"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'accepted', 'rejected')", name="requests_have_a_status"),
        Index("requests_by_artifact", "artifact_id", "status"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[str]
    reason: Mapped[str]
    """Of a rejection."""
    at: Mapped[datetime]


class TombstoneRow(Table):
    """A name that is not given again."""

    __tablename__ = "tombstones"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    moved_to: Mapped[str]
    """`owner/name`; empty when it was deleted."""
    at: Mapped[datetime]


class UploadRow(Table):
    """An account has sent these bytes, and may name them in a commit."""

    __tablename__ = "uploads"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    at: Mapped[datetime]


class XorbRow(Table):
    """A xorb that an account has sent; its bytes are a blob."""

    __tablename__ = "xorbs"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[str] = mapped_column(primary_key=True)
    """BLAKE3 Merkle root, as Xet spells it."""
    digest: Mapped[str]
    """SHA-256 of its serialised bytes in the store."""
    size_bytes: Mapped[int]
    chunks: Mapped[bytes] = mapped_column(LargeBinary)
    """Hash, place and lengths of every chunk; see `hub.xet.xorb`."""
    at: Mapped[datetime]
    used_at: Mapped[datetime]
    """When a shard named it last."""


class SettingRow(Table):
    """Something that all workers of a server must agree on."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
