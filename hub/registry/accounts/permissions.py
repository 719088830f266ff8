"""Permissions: accounts, tokens and callers, without I/O or SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.names import ArtifactName
from hub.records import Repository

USER, ORGANISATION = "user", "organisation"
ROLES = ("read", "write", "admin")
"""Roles in an organisation; each includes the previous ones."""
TOKEN_ROLES = ("read", "write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user or an organisation: an owner of artifacts."""

    id: int
    name: str
    kind: str
    """`user` or `organisation`."""
    full_name: str
    email: str
    is_admin: bool
    """Whether it administers the whole server."""
    quota_bytes: int | None
    """Maximum size of its artifacts in bytes; None for no limit."""
    created_at: datetime
    removed_at: datetime | None = None
    """When it was removed; its artifacts stay, and its name stays reserved."""
    about: str = ""
    """A text about the account, in plain text."""

    @property
    def key(self) -> str:
        """The lower-case name, which is unique."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token of an account. The secret itself is not stored."""

    id: int
    name: str
    role: str
    """`read` or `write`."""
    artifact: str
    """Key of the artifact that it is restricted to; empty for all."""
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    """None for no expiry."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The originator of a change, as recorded in the audit log."""

    name: str
    token: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request: anonymous, or an account with a token, a browser session or both."""

    account: Account | None = None
    token: Token | None = None
    in_browser: bool = False
    """Whether it is a browser session. A session that was started with a token has the token's permissions."""
    session_id: int = 0
    """The id of the browser session; 0 without one."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Organisation in lower case → role."""

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        means = self.token.name if self.token else "password" if self.in_browser else ""
        return Actor(self.account.name if self.account else "", means)

    @property
    def limit(self) -> str:
        """The key of the only artifact of the token; empty if it is not limited."""
        return self.token.artifact if self.token else ""

    @property
    def is_admin(self) -> bool:
        """Whether the account is an administrator, and the token is not restricted to one artifact."""
        return self.account is not None and self.account.is_admin and not self._is_narrow()

    @property
    def may_change_account(self) -> bool:
        """Whether the caller may create tokens and authorize devices. Tokens may not, so that a revoked token has no successors."""
        return self.account is not None and self.in_browser and self.token is None

    @property
    def may_act(self) -> bool:
        """Whether the caller may like, request access and create webhooks for the account. A token for one artifact may not."""
        return self._writes() and not self._is_narrow()

    @property
    def may_change_server(self) -> bool:
        """Whether the caller may administer the server."""
        return self.is_admin and self._writes()

    def may_read(self, artifact: Repository) -> bool:
        """Return whether the caller may see the artifact."""
        if not artifact.private:
            return True
        return bool(self._role_for(artifact.name))

    def may_download(self, artifact: Repository, *, accepted: bool) -> bool:
        """Return whether the caller may download the files; `accepted`: whether its account has access to the gated artifact."""
        if not self.may_read(artifact):
            return False
        return (
            not artifact.gated
            or bool(self._role_for(artifact.name))
            or (accepted and self.has_account_for(artifact.name))
        )

    def may_write(self, name: ArtifactName) -> bool:
        """Return whether the caller may commit to `name`."""
        return self._writes() and self._role_for(name) in {"write", "admin"}

    def may_publish_scores_of(self, artifact: Repository) -> bool:
        """Return whether the caller may publish or dispute scores of `artifact`."""
        return self._writes() and self.has_account_for(artifact.name) and self.may_read(artifact)

    def may_create(self, name: ArtifactName) -> bool:
        """Return whether the caller may create an artifact called `name`. A token for one artifact may not."""
        return self.may_write(name) and not self._is_narrow()

    def may_administer(self, name: ArtifactName) -> bool:
        """Return whether the caller may delete, move and configure `name`."""
        return self._writes() and self._role_for(name) == "admin" and not self._is_narrow()

    def may_list(self, owner: str) -> bool:
        """Return whether the caller may list everything that `owner` has. A token for one artifact may not."""
        return bool(self._role_in(owner)) and not self._is_narrow()

    def has_account_for(self, name: ArtifactName) -> bool:
        """Return whether the caller has an account, and a token that is not limited to another artifact than `name`."""
        return self.account is not None and (not self._is_narrow() or self.limit == name.key)

    def readers(self) -> tuple[str, ...] | None:
        """Return the private artifacts that the caller may read, as `Query.readers`."""
        if self.account is None:
            return ()
        if self._is_narrow():
            owner = ArtifactName.parse(self.limit, "").owner
            return (self.limit,) if self._role_in(owner) else ()
        return None if self.account.is_admin else (self.account.key, *sorted(self.roles))

    def _role_for(self, name: ArtifactName) -> str:
        """Return the role in the namespace of `name`; empty without one, and for a token of another artifact."""
        return self._role_in(name.owner) if self.has_account_for(name) else ""

    def _role_in(self, owner: str) -> str:
        if self.account is None:
            return ""
        if self.account.is_admin or self.account.key == owner.lower():
            return "admin"
        return self.roles.get(owner.lower(), "")

    def _writes(self) -> bool:
        return self.account is not None and (self.token is None or self.token.role == "write")

    def _is_narrow(self) -> bool:
        return bool(self.limit)


ANONYMOUS = Caller()
