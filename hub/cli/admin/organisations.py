"""`hub admin org`: organisations and their members."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.organisations import AddOrganisation, ListMembers, ListOrganisations, SetMember
from hub.cli.admin.options import Endpoint, FullName, User, group, lines, run
from hub.registry.accounts.permissions import ROLES

organisations = group("Manage organisations and their members.")


@organisations.command("add")
def add(
    name: Annotated[str, Argument(help="Name, which is also the owner part of its artifacts' names.")],
    full_name: FullName = "",
    endpoint: Endpoint = "",
) -> None:
    """Add an organisation."""
    added = run(endpoint, AddOrganisation(name=name, full_name=full_name))
    print(f"organisation {added.name} added")


@organisations.command("member")
def member(
    organisation: Annotated[str, Argument(help="Name of the organisation.")],
    user: User,
    role: Annotated[str, Option(help=f"Role: {', '.join(ROLES)}; `none` removes the user.")] = "write",
    endpoint: Endpoint = "",
) -> None:
    """Set the role of a user in an organisation."""
    found = run(endpoint, SetMember(name=organisation, user=user, role="" if role == "none" else role))
    print(f"{found.name} {f'has role {found.role} in' if found.role else 'left'} {organisation}")


@organisations.command("list")
def list_organisations(
    name: Annotated[str, Argument(help="Organisation whose members to list.", show_default=False)] = "",
    endpoint: Endpoint = "",
) -> None:
    """List all organisations, or the members of one with their roles."""
    if name:
        lines((each.name, each.role) for each in run(endpoint, ListMembers(name=name)))
    else:
        lines((each.name, each.full_name) for each in run(endpoint, ListOrganisations()))
