"""`hub admin user`: people."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option, prompt

from hub.cli.admin.opening import group, lines, opened, operator

users = group("People who may write.")


@users.command("add")
def add(
    name: Annotated[str, Argument(help="Name; it is also the owner of the user's artifacts.")],
    admin: Annotated[bool, Option("--admin", help="May everything on this server.")] = False,
    full_name: Annotated[str, Option(help="As pages show it.", show_default=False)] = "",
    email: Annotated[str, Option(help="Where to reach the user.", show_default=False)] = "",
) -> None:
    """Add a user. A token is made with `hub admin token create`."""
    with opened() as hub:
        made = hub.accounts.add(name, operator(), is_admin=admin, full_name=full_name, email=email)
    print(f"user {made.name} added{', an administrator' if made.is_admin else ''}")


@users.command("list")
def list_users() -> None:
    """Name, full name and whether administrator."""
    with opened() as hub:
        lines([(each.name, each.full_name, "admin" if each.is_admin else "") for each in hub.accounts.all("user")])


@users.command("password")
def password(name: Annotated[str, Argument(help="Whose password.")]) -> None:
    """Set a password; it is asked for and not shown."""
    with opened() as hub:
        user = hub.accounts.get(name)
        chosen = prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        hub.accounts.set_password(user.name, chosen, operator())
    print(f"password of {user.name} set")
