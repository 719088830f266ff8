"""Operations on access tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Line, Operation
from hub.errors import InvalidRequest
from hub.registry.accounts.permissions import TOKEN_ROLES, Token

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

MAX_DAYS = 3650
"""Maximum lifetime of a token."""
_TOKENS = "/admin/users/{user}/tokens"


@dataclass(frozen=True, slots=True)
class Secret:
    """The secret of a new token."""

    token: str


class ListTokens(Operation[list[Token]]):
    """List the tokens of a user, newest first, including revoked ones."""

    path = _TOKENS
    user: str

    def run(self, hub: LocalHub, actor: Actor) -> list[Token]:
        return hub.tokens.of(hub.accounts.get(self.user))


class CreateToken(Operation[Secret]):
    """Create a token. Its secret is in this response only."""

    method, path = "POST", _TOKENS
    user: str
    role: Annotated[str, {"enum": list(TOKEN_ROLES)}] = "read"
    artifact: Annotated[Line, {"description": "Restrict the token to this artifact, `owner/name`; empty for all."}] = ""
    name: Annotated[Line, {"description": "Label.", "examples": ["laptop"]}] = ""
    days: Annotated[
        int | None, {"description": "Lifetime in days; `null` for no expiry.", "minimum": 1, "maximum": MAX_DAYS}
    ] = None

    def run(self, hub: LocalHub, actor: Actor) -> Secret:
        if self.days is not None and not 1 <= self.days <= MAX_DAYS:
            raise InvalidRequest(f"`days` must be from 1 to {MAX_DAYS}, not {self.days}.")
        lifetime = None if self.days is None else timedelta(days=self.days)
        account = hub.accounts.get(self.user)
        return Secret(
            hub.tokens.create(account, self.role, actor, name=self.name, artifact=self.artifact, lifetime=lifetime)
        )


class RevokeToken(Operation[Token]):
    """Revoke a token immediately."""

    method, path = "DELETE", f"{_TOKENS}/{{number}}"
    user: str
    number: int

    def run(self, hub: LocalHub, actor: Actor) -> Token:
        return hub.tokens.revoke(hub.accounts.get(self.user), self.number, actor)


OPERATIONS = (ListTokens, CreateToken, RevokeToken)
