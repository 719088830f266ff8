"""`hub admin org`: groups of people that own artifacts together."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.accounts import ORGANISATION, ROLES
from hub.cli.admin.opening import group, lines, opened, operator

organisations = group("Organisations and who is in them.")


@organisations.command("add")
def add(
    name: Annotated[str, Argument(help="Name; it is also the owner of its artifacts.")],
    full_name: Annotated[str, Option(help="As pages show it.", show_default=False)] = "",
) -> None:
    """Add an organisation."""
    with opened() as hub:
        made = hub.accounts.add(name, operator(), kind=ORGANISATION, full_name=full_name)
    print(f"organisation {made.name} added")


@organisations.command("member")
def member(
    organisation: Annotated[str, Argument(help="Name of the organisation.")],
    user: Annotated[str, Argument(help="Name of the user.")],
    role: Annotated[str, Option(help=f"{', '.join(ROLES)}; `none` takes the user out.")] = "write",
) -> None:
    """Give a user a role in an organisation."""
    with opened() as hub:
        group_, person = hub.accounts.get(organisation), hub.accounts.get(user)
        hub.accounts.set_member(group_, person, "" if role == "none" else role, operator())
    print(f"{person.name} {'left' if role == 'none' else f'has role {role} in'} {group_.name}")


@organisations.command("list")
def list_organisations(
    name: Annotated[str, Argument(help="Show the members of this one.", show_default=False)] = "",
) -> None:
    """All organisations, or the members of one with their roles."""
    with opened() as hub:
        if name:
            lines([(each.name, role) for each, role in hub.accounts.members(hub.accounts.get(name))])
        else:
            lines([(each.name, each.full_name) for each in hub.accounts.all(ORGANISATION)])
