"""Operations on user accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Line, Operation
from hub.registry.accounts.permissions import USER, Account
from hub.registry.accounts.secrets import MAX_LENGTH, MIN_LENGTH
from hub.registry.membership.reset_links import ResetLink, create_reset_link

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_USER = "/admin/users/{name}"


class ListUsers(Operation[list[Account]]):
    """List users by name, without removed ones."""

    path, errors = "/admin/users", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[Account]:
        return hub.accounts.all(USER)


class AddUser(Operation[Account]):
    """Add a user, who can log in once a token or a password is set."""

    method, path, errors = "POST", "/admin/users", (409,)
    name: Annotated[Line, {"examples": ["ada"]}]
    is_admin: bool = False
    full_name: Line = ""
    email: Line = ""

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        return hub.accounts.add(self.name, actor, is_admin=self.is_admin, full_name=self.full_name, email=self.email)


class RemoveUser(Operation[Account]):
    """Remove a user, except for the last administrator. Artifacts stay, and the name stays reserved."""

    method, path = "DELETE", _USER
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.remove(self.name, actor)
        return hub.accounts.get(self.name)


class RestoreUser(Operation[Account]):
    """Restore a removed user, without the previous tokens, password and memberships."""

    method, path = "POST", f"{_USER}/restore"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.restore(self.name, actor)
        return hub.accounts.get(self.name)


class SetPassword(Operation[Account]):
    """Set the password for web pages and end all browser sessions. Send it over HTTPS."""

    method, path = "PUT", f"{_USER}/password"
    name: str
    password: Annotated[str, {"minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "examples": ["correct horse battery"]}]

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.set_password(self.name, self.password, actor)
        return hub.accounts.get(self.name)


class CreateResetLink(Operation[ResetLink]):
    """Create a link with which a user sets a new password, once, within a day. It replaces an earlier link."""

    method, path = "POST", f"{_USER}/reset-link"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> ResetLink:
        return create_reset_link(hub.registry.database, self.name, actor)


class SetAdmin(Operation[Account]):
    """Grant a user administrator rights, or revoke them."""

    method, path = "PUT", f"{_USER}/admin"
    name: str
    is_admin: bool

    def run(self, hub: LocalHub, actor: Actor) -> Account:
        hub.accounts.set_admin(self.name, self.is_admin, actor)
        return hub.accounts.get(self.name)


OPERATIONS = (ListUsers, AddUser, RemoveUser, RestoreUser, SetPassword, CreateResetLink, SetAdmin)
