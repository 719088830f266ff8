"""Operations on the account policy: what people can do without an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Operation
from hub.registry.membership.account_policy import AccountPolicy, account_policy, set_account_policy

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_PATH = "/admin/account-policy"


class ShowAccountPolicy(Operation[AccountPolicy]):
    """Show whether visitors can sign up, and whether users can create organisations."""

    path, errors = _PATH, ()

    def run(self, hub: LocalHub, actor: Actor) -> AccountPolicy:
        return account_policy(hub.registry.database)


class SetAccountPolicy(Operation[AccountPolicy]):
    """Set what people can do without an administrator. `null` keeps a setting."""

    method, path, errors = "PUT", _PATH, ()
    sign_up: Annotated[bool | None, {"description": "Whether visitors can create an account."}] = None
    organisations: Annotated[bool | None, {"description": "Whether users can create organisations."}] = None

    def run(self, hub: LocalHub, actor: Actor) -> AccountPolicy:
        known = account_policy(hub.registry.database)
        policy = AccountPolicy(
            known.sign_up if self.sign_up is None else self.sign_up,
            known.organisations if self.organisations is None else self.organisations,
        )
        set_account_policy(hub.registry.database, policy, actor)
        return policy


OPERATIONS = (ShowAccountPolicy, SetAccountPolicy)
