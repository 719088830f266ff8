"""`hub admin token`: access tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from typer import Argument, Option

from hub.administration.tokens import CreateToken, ListTokens, RevokeToken
from hub.cli.admin.options import Endpoint, User, group, lines, run
from hub.registry.accounts.permissions import Token

tokens = group("Manage access tokens.")


@tokens.command("create")
def create(
    name: User,
    role: Annotated[str, Option(help="Permissions: read or write.")] = "read",
    repo: Annotated[str, Option(help="Restrict the token to this artifact, `owner/name`.", show_default=False)] = "",
    label: Annotated[str, Option(help="Label shown in lists.", show_default=False)] = "",
    days: Annotated[int | None, Option(help="Lifetime in days (default: no expiry).", show_default=False)] = None,
    endpoint: Endpoint = "",
) -> None:
    """Create a token and print it. It cannot be displayed again."""
    print(run(endpoint, CreateToken(user=name, role=role, artifact=repo, name=label, days=days)).token)


@tokens.command("list")
def list_tokens(name: User, endpoint: Endpoint = "") -> None:
    """List a user's tokens: number, label, role, artifact, last use, state."""
    lines(
        (each.id, each.name, each.role, each.artifact, each.last_used_at or "never", _state(each))
        for each in run(endpoint, ListTokens(user=name))
    )


@tokens.command("revoke")
def revoke(
    name: User,
    number: Annotated[int, Argument(help="Number of the token, as listed by `hub admin token list`.")],
    endpoint: Endpoint = "",
) -> None:
    """Revoke a token immediately."""
    revoked = run(endpoint, RevokeToken(user=name, number=number))
    print(f"token {revoked.name!r} of {name} revoked")


def _state(token: Token) -> str:
    if token.revoked_at:
        return "revoked"
    if token.expires_at is None:
        return ""
    return "expired" if token.expires_at <= datetime.now(UTC) else f"until {token.expires_at:%Y-%m-%d}"
