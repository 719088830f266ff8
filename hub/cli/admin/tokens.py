"""`hub admin token`: what programs log in with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.admin.opening import Endpoint, administration, group, lines

if TYPE_CHECKING:
    from hub.registry.accounts.permissions import Token

tokens = group("What programs log in with.")


@tokens.command("create")
def create(
    name: Annotated[str, Argument(help="Whose token.")],
    role: Annotated[str, Option(help="read or write.")] = "read",
    repo: Annotated[str, Option(help="Only for this artifact, `owner/name`.", show_default=False)] = "",
    label: Annotated[str, Option(help="What it is for, as lists show it.", show_default=False)] = "",
    days: Annotated[int | None, Option(help="When it ends; never, if this is not said.", show_default=False)] = None,
    endpoint: Endpoint = "",
) -> None:
    """Make a token and print it, once: it cannot be read again."""
    from hub.administration.tokens import CreateToken

    with administration(endpoint) as admin:
        print(admin.run(CreateToken(user=name, role=role, artifact=repo, name=label, days=days)).token)


@tokens.command("list")
def list_tokens(name: Annotated[str, Argument(help="Whose tokens.")], endpoint: Endpoint = "") -> None:
    """Number, label, role, artifact, last use, and whether it ends, has ended or was revoked."""
    from hub.administration.tokens import ListTokens

    with administration(endpoint) as admin:
        lines(
            [
                (each.id, each.name, each.role, each.artifact, each.last_used_at or "never", _state(each))
                for each in admin.run(ListTokens(user=name))
            ]
        )


@tokens.command("revoke")
def revoke(
    name: Annotated[str, Argument(help="Whose token.")],
    number: Annotated[int, Argument(help="Its number in the list.")],
    endpoint: Endpoint = "",
) -> None:
    """Make a token worthless, at once and for ever."""
    from hub.administration.tokens import RevokeToken

    with administration(endpoint) as admin:
        revoked = admin.run(RevokeToken(user=name, number=number))
    print(f"token {revoked.name!r} of {name} revoked")


def _state(token: Token) -> str:
    if token.revoked_at:
        return "revoked"
    if token.expires_at is None:
        return ""
    return "ended" if token.expires_at <= datetime.now(UTC) else f"until {token.expires_at:%Y-%m-%d}"
