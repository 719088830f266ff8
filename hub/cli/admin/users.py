"""`hub admin user`: people."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Option, prompt

from hub.cli.admin.opening import Endpoint, administration, group, lines

users = group("People who may write.")


@users.command("add")
def add(
    name: Annotated[str, Argument(help="Name; it is also the owner of the user's artifacts.")],
    admin: Annotated[bool, Option("--admin", help="May everything on this server.")] = False,
    full_name: Annotated[str, Option(help="As pages show it.", show_default=False)] = "",
    email: Annotated[str, Option(help="Where to reach the user.", show_default=False)] = "",
    endpoint: Endpoint = "",
) -> None:
    """Add a user, who logs in with a token (`hub admin token create`) or, on pages, a password (`hub admin user password`)."""
    from hub.administration.users import AddUser

    with administration(endpoint) as administrator:
        made = administrator.run(AddUser(name=name, is_admin=admin, full_name=full_name, email=email))
    print(f"user {made.name} added{', an administrator' if made.is_admin else ''}")


@users.command("list")
def list_users(endpoint: Endpoint = "") -> None:
    """Name, full name and whether administrator."""
    from hub.administration.users import ListUsers

    with administration(endpoint) as admin:
        lines([(each.name, each.full_name, "admin" if each.is_admin else "") for each in admin.run(ListUsers())])


@users.command("remove")
def remove(name: Annotated[str, Argument(help="Who is to go.")], endpoint: Endpoint = "") -> None:
    """Let nobody be this user any more: tokens, password and memberships end. Artifacts stay, and the name is not given again."""
    from hub.administration.users import RemoveUser

    with administration(endpoint) as admin:
        gone = admin.run(RemoveUser(name=name))
    print(f"user {gone.name} removed; what {gone.name} owns is still there")


@users.command("restore")
def restore(name: Annotated[str, Argument(help="Who is to come back.")], endpoint: Endpoint = "") -> None:
    """Bring a removed user back, without the tokens, the password and the memberships of before."""
    from hub.administration.users import RestoreUser

    with administration(endpoint) as admin:
        back = admin.run(RestoreUser(name=name))
    print(f"user {back.name} is back")


@users.command("password")
def password(name: Annotated[str, Argument(help="Whose password.")], endpoint: Endpoint = "") -> None:
    """Set the password for pages: asked for and not shown, or the first line of standard input. Logs every browser out."""
    from hub.administration.users import SetPassword

    with administration(endpoint) as admin:
        user = admin.run(SetPassword(name=name, password=_chosen()))
    print(f"password of {user.name} set")


@users.command("set-admin")
def set_admin(
    name: Annotated[str, Argument(help="Whom.")],
    wanted: Annotated[bool, Option("--yes/--no", help="Give the whole server, or take it away.")] = True,
    endpoint: Endpoint = "",
) -> None:
    """Make a user an administrator, or one no longer."""
    from hub.administration.users import SetAdmin

    with administration(endpoint) as admin:
        user = admin.run(SetAdmin(name=name, is_admin=wanted))
    print(f"{user.name} is {'an administrator' if user.is_admin else 'no administrator'}")


def _chosen() -> str:
    if sys.stdin.isatty():
        return str(prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
