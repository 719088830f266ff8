"""Who may do what: accounts, tokens, and the one who asks. No I/O, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.names import ArtifactName
from hub.records import Artifact

USER, ORGANISATION = "user", "organisation"
ROLES = ("read", "write", "admin")
"""Of a member in an organisation, each including the ones before."""
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
    """Of the whole server."""
    quota_bytes: int | None
    """Most bytes that its artifacts may hold; None: any."""
    created_at: datetime
    removed_at: datetime | None = None
    """Since when nobody is it any more; its artifacts stay, and its name is not given again."""

    @property
    def key(self) -> str:
        """What is unique."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What stands for an account in a program. The secret itself is nowhere."""

    id: int
    name: str
    role: str
    """`read` or `write`."""
    artifact: str
    """Key of the one artifact that it is for; empty for all."""
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    """None: never."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose name stands in the audit log."""

    name: str
    token: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The one who asks: nobody, or an account with a token, in a browser, or both."""

    account: Account | None = None
    token: Token | None = None
    in_browser: bool = False
    """Whether it is a session; one that was begun with a token may what the token may."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Organisation, in lower case → role."""

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        means = self.token.name if self.token else "password" if self.in_browser else ""
        return Actor(self.account.name if self.account else "", means)

    @property
    def is_admin(self) -> bool:
        """Whether the whole server is theirs, and the token not for one artifact alone."""
        return self.account is not None and self.account.is_admin and not self._is_narrow()

    @property
    def may_change_account(self) -> bool:
        """Whether they may make tokens and let devices in. Tokens may not: what is revoked must not live on in another one."""
        return self.account is not None and self.in_browser and self.token is None

    @property
    def may_change_server(self) -> bool:
        """Whether they may do what administrators do."""
        return self.is_admin and self._writes()

    def role_in(self, owner: str) -> str:
        """Role in a namespace; empty for a stranger."""
        if self.account is None:
            return ""
        if self.account.is_admin or self.account.key == owner.lower():
            return "admin"
        return self.roles.get(owner.lower(), "")

    def may_read(self, artifact: Artifact) -> bool:
        """Whether the artifact exists for them."""
        if not artifact.private:
            return True
        return bool(self.role_in(artifact.name.owner)) and self._reaches(artifact.name)

    def may_write(self, name: ArtifactName) -> bool:
        """Whether they may commit to `name`, or create it."""
        return self._writes() and self.role_in(name.owner) in {"write", "admin"} and self._reaches(name)

    def may_publish_scores_of(self, artifact: Artifact) -> bool:
        """Whether they may publish a score of `artifact` under their own name, or doubt one."""
        return self._writes() and self._reaches(artifact.name) and self.may_read(artifact)

    def may_create(self, name: ArtifactName) -> bool:
        """Whether they may make an artifact of this name; a token for one artifact makes none."""
        return self.may_write(name) and not self._is_narrow()

    def may_administer(self, name: ArtifactName) -> bool:
        """Whether they may delete, move and open or close `name`."""
        return self._writes() and self.role_in(name.owner) == "admin" and not self._is_narrow()

    def owners(self) -> tuple[str, ...] | None:
        """Namespaces, in lower case, whose private artifacts they find; None: all."""
        if self.account is None or self._is_narrow():
            return ()
        return None if self.account.is_admin else (self.account.key, *sorted(self.roles))

    def _writes(self) -> bool:
        return self.account is not None and (self.token is None or self.token.role == "write")

    def _is_narrow(self) -> bool:
        return self.token is not None and bool(self.token.artifact)

    def _reaches(self, name: ArtifactName) -> bool:
        return self.token is None or self.token.artifact in {"", name.key}


NOBODY = Caller()
