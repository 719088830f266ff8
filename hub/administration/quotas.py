"""Operations on storage quotas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Operation
from hub.registry.accounts.accounts import MAX_BYTES

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Account, Actor


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage that an owner uses, and its limit."""

    name: str
    used_bytes: int
    quota_bytes: int | None
    """None for no limit."""


class ListQuotas(Operation[list[Quota]]):
    """List the storage and quota of every owner."""

    path, errors = "/admin/quotas", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[Quota]:
        return [_quota(hub, each) for each in hub.accounts.all()]


class ShowQuota(Operation[Quota]):
    """Show the storage and quota of an owner."""

    path = "/admin/quotas/{name}"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Quota:
        return _quota(hub, hub.accounts.get(self.name))


class SetQuota(Operation[Quota]):
    """Set the storage quota of an owner; `null` removes the limit."""

    method, path = "PUT", "/admin/quotas/{name}"
    name: str
    quota_bytes: Annotated[int | None, {"description": "`null` for no limit.", "minimum": 0, "maximum": MAX_BYTES}]

    def run(self, hub: LocalHub, actor: Actor) -> Quota:
        hub.accounts.set_quota(self.name, self.quota_bytes, actor)
        return _quota(hub, hub.accounts.get(self.name))


def _quota(hub: LocalHub, account: Account) -> Quota:
    return Quota(account.name, hub.accounts.used_bytes(account.name), account.quota_bytes)


OPERATIONS = (ListQuotas, ShowQuota, SetQuota)
