"""Operations on users: people who log in and own artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Line, Operation
from hub.registry.accounts.permissions import USER, Account
from hub.registry.accounts.secrets import LONGEST, SHORTEST

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_USER = "/admin/users/{name}"


class ListUsers(Operation[list[Account]]):
    """List the users who have not been removed, by name."""

    path, errors = "/admin/users", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[Account]:
        return hub.accounts.all(USER)


class AddUser(Operation[Account]):
    """Add a user, who can log in with a token, or a password once one is set."""

    method, path, errors = "POST", "/admin/users", (409,)
    name: Annotated[Line, {"examples": ["ada"]}]
    is_admin: bool = False
    full_name: Line = ""
    email: Line = ""

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        return hub.accounts.add(self.name, actor, is_admin=self.is_admin, full_name=self.full_name, email=self.email)


class RemoveUser(Operation[Account]):
    """Remove a user, the last administrator excepted. What the user owns stays, and the name is not given again."""

    method, path = "DELETE", _USER
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.remove(self.name, actor)
        return hub.accounts.get(self.name)


class RestoreUser(Operation[Account]):
    """Restore a removed user, without tokens, password and memberships."""

    method, path = "POST", f"{_USER}/restore"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.restore(self.name, actor)
        return hub.accounts.get(self.name)


class SetPassword(Operation[Account]):
    """Set the password by which a user logs in on pages, and log every browser out. Send it over https."""

    method, path = "PUT", f"{_USER}/password"
    name: str
    password: Annotated[str, {"minLength": SHORTEST, "maxLength": LONGEST, "examples": ["correct horse battery"]}]

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.set_password(self.name, self.password, actor)
        return hub.accounts.get(self.name)


class SetAdmin(Operation[Account]):
    """Make a user an administrator of the whole server, or take that away."""

    method, path = "PUT", f"{_USER}/admin"
    name: str
    is_admin: bool

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.set_admin(self.name, self.is_admin, actor)
        return hub.accounts.get(self.name)


OPERATIONS = (ListUsers, AddUser, RemoveUser, RestoreUser, SetPassword, SetAdmin)
