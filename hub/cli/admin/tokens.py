"""`hub admin token`: what programs log in with."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import group, lines, opened, operator

tokens = group("What programs log in with.")


@tokens.command("create")
def create(
    name: Annotated[str, Argument(help="Whose token.")],
    role: Annotated[str, Option(help="read or write.")] = "read",
    repo: Annotated[str, Option(help="Only for this artifact, `owner/name`.", show_default=False)] = "",
    label: Annotated[str, Option(help="What it is for, as lists show it.", show_default=False)] = "",
) -> None:
    """Make a token and print it, once: it cannot be read again."""
    with opened() as hub:
        print(hub.tokens.create(hub.accounts.get(name), role, operator(), name=label, artifact=repo))


@tokens.command("list")
def list_tokens(name: Annotated[str, Argument(help="Whose tokens.")]) -> None:
    """Number, label, role, artifact, last use, and whether it was revoked."""
    with opened() as hub:
        lines(
            [
                (each.id, each.name, each.role, each.artifact, each.last_used_at or "never", "revoked" if each.revoked_at else "")
                for each in hub.tokens.of(hub.accounts.get(name))
            ]
        )  # fmt: skip


@tokens.command("revoke")
def revoke(
    name: Annotated[str, Argument(help="Whose token.")],
    number: Annotated[int, Argument(help="Its number in the list.")],
) -> None:
    """Make a token worthless, at once and for ever."""
    with opened() as hub:
        revoked = hub.tokens.revoke(hub.accounts.get(name), number, operator())
    print(f"token {revoked.name!r} of {name} revoked")
