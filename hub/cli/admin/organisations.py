"""`hub admin org`: groups of people that own artifacts together."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import Endpoint, administration, group, lines
from hub.registry.accounts.permissions import ROLES

organisations = group("Organisations and who is in them.")


@organisations.command("add")
def add(
    name: Annotated[str, Argument(help="Name; it is also the owner of its artifacts.")],
    full_name: Annotated[str, Option(help="As pages show it.", show_default=False)] = "",
    endpoint: Endpoint = "",
) -> None:
    """Add an organisation."""
    from hub.administration.organisations import AddOrganisation

    with administration(endpoint) as admin:
        made = admin.run(AddOrganisation(name=name, full_name=full_name))
    print(f"organisation {made.name} added")


@organisations.command("member")
def member(
    organisation: Annotated[str, Argument(help="Name of the organisation.")],
    user: Annotated[str, Argument(help="Name of the user.")],
    role: Annotated[str, Option(help=f"{', '.join(ROLES)}; `none` takes the user out.")] = "write",
    endpoint: Endpoint = "",
) -> None:
    """Give a user a role in an organisation."""
    from hub.administration.organisations import SetMember

    with administration(endpoint) as admin:
        made = admin.run(SetMember(name=organisation, user=user, role="" if role == "none" else role))
    print(f"{made.name} {f'has role {made.role} in' if made.role else 'left'} {organisation}")


@organisations.command("list")
def list_organisations(
    name: Annotated[str, Argument(help="Show the members of this one.", show_default=False)] = "",
    endpoint: Endpoint = "",
) -> None:
    """All organisations, or the members of one with their roles."""
    from hub.administration.organisations import ListMembers, ListOrganisations

    with administration(endpoint) as admin:
        if name:
            lines([(each.name, each.role) for each in admin.run(ListMembers(name=name))])
        else:
            lines([(each.name, each.full_name) for each in admin.run(ListOrganisations())])
