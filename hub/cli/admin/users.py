"""`hub admin user`: user accounts."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Option, prompt

from hub.administration.users import (
    AddUser,
    CreateResetLink,
    ListUsers,
    RemoveUser,
    RestoreUser,
    SetAdmin,
    SetPassword,
)
from hub.cli.admin.options import Endpoint, FullName, User, group, lines, run

users = group("Manage user accounts.")


@users.command("add")
def add(
    name: Annotated[str, Argument(help="Name, which is also the owner part of the user's artifacts' names.")],
    admin: Annotated[bool, Option("--admin", help="Grant administrator rights.")] = False,
    full_name: FullName = "",
    email: Annotated[str, Option(help="Email address.", show_default=False)] = "",
    endpoint: Endpoint = "",
) -> None:
    """Add a user. Then create a token with `hub admin token create`, or set a password with `hub admin user password`."""
    added = run(endpoint, AddUser(name=name, is_admin=admin, full_name=full_name, email=email))
    print(f"user {added.name} added{', an administrator' if added.is_admin else ''}")


@users.command("list")
def list_users(endpoint: Endpoint = "") -> None:
    """List users: name, full name, and `admin` for administrators."""
    lines((each.name, each.full_name, "admin" if each.is_admin else "") for each in run(endpoint, ListUsers()))


@users.command("remove")
def remove(name: User, endpoint: Endpoint = "") -> None:
    """Remove a user with all tokens, the password and all memberships. Artifacts are kept, and the name stays reserved."""
    removed = run(endpoint, RemoveUser(name=name)).name
    print(f"user {removed} removed; artifacts of {removed} are kept")


@users.command("restore")
def restore(name: User, endpoint: Endpoint = "") -> None:
    """Restore a removed user, without the previous tokens, password and memberships."""
    print(f"user {run(endpoint, RestoreUser(name=name)).name} restored")


@users.command("password")
def password(name: User, endpoint: Endpoint = "") -> None:
    """Set a password and end all browser sessions. The password is prompted for, or read from standard input."""
    print(f"password of {run(endpoint, SetPassword(name=name, password=_read_password())).name} set")


@users.command("reset-link")
def reset_link(name: User, endpoint: Endpoint = "") -> None:
    """Create a link with which a user sets a new password, once, within a day. It cannot be displayed again."""
    made = run(endpoint, CreateResetLink(name=name))
    print(f"{endpoint.rstrip('/')}{made.path}")
    if not endpoint:
        print("Prepend the address of your server, and send the link to the user.", file=sys.stderr)


@users.command("set-admin")
def set_admin(
    name: User,
    wanted: Annotated[bool, Option("--yes/--no", help="Grant or revoke administrator rights.")] = True,
    endpoint: Endpoint = "",
) -> None:
    """Grant a user administrator rights, or revoke them."""
    user = run(endpoint, SetAdmin(name=name, is_admin=wanted))
    print(f"{user.name} is {'an administrator' if user.is_admin else 'no longer an administrator'}")


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
