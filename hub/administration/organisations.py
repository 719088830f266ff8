"""Operations on organisations and their members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Line, Operation
from hub.registry.accounts.permissions import ORGANISATION, ROLES, Account

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_MEMBERS = "/admin/organisations/{name}/members"


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of an organisation."""

    name: str
    role: str


class ListOrganisations(Operation[list[Account]]):
    """List all organisations, by name."""

    path, errors = "/admin/organisations", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[Account]:
        return hub.accounts.all(ORGANISATION)


class AddOrganisation(Operation[Account]):
    """Add an organisation, without members."""

    method, path, errors = "POST", "/admin/organisations", (409,)
    name: Annotated[Line, {"examples": ["lab"]}]
    full_name: Line = ""

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        return hub.accounts.add(self.name, actor, kind=ORGANISATION, full_name=self.full_name)


class ListMembers(Operation[list[Membership]]):
    """List the members of an organisation with their roles."""

    path = _MEMBERS
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> list[Membership]:
        return [Membership(each.name, role) for each, role in hub.accounts.members(hub.accounts.get(self.name))]


class SetMember(Operation[Membership]):
    """Set the role of a user in an organisation; an empty role removes the user."""

    method, path = "PUT", f"{_MEMBERS}/{{user}}"
    name: str
    user: str
    role: Annotated[str, {"description": "Empty to remove the user.", "enum": [*ROLES, ""]}]

    def run(self, hub: LocalHub, actor: Actor) -> Membership:
        organisation, user = hub.accounts.get(self.name), hub.accounts.get(self.user)
        hub.accounts.set_member(organisation, user, self.role, actor)
        return Membership(user.name, self.role)


OPERATIONS = (ListOrganisations, AddOrganisation, ListMembers, SetMember)
