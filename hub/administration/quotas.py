"""Operations on storage quotas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Operation
from hub.errors import InvalidRequest
from hub.registry.accounts.accounts import MAX_BYTES

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Account, Actor

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


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


def parse_size(text: str) -> int | None:
    """Return the bytes of a size such as `20G`; None for `none`. Raises InvalidRequest."""
    text = text.strip().lower()
    if text == "none":
        return None
    found = re.fullmatch(r"([0-9]{1,12})\s*([kmgt]?)b?", text)
    if found is None:
        raise InvalidRequest(f"{text[:80]!r} is not a size: use 500M, 20G or none.")
    return int(found[1]) * _UNITS[found[2]]


def _quota(hub: LocalHub, account: Account) -> Quota:
    return Quota(account.name, hub.accounts.used_bytes(account.name), account.quota_bytes)


OPERATIONS = (ListQuotas, ShowQuota, SetQuota)
