"""`hub admin quota`: how much an owner may keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from hub.cli.admin.opening import Endpoint, administration, group, lines
from hub.errors import WrongRequest

if TYPE_CHECKING:
    from hub.administration.quotas import Quota

quotas = group("How much an owner may keep.")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@quotas.command("set")
def set_quota(
    name: Annotated[str, Argument(help="A user or an organisation.")],
    size: Annotated[str, Argument(help="Such as 500M or 20G, or `none`.")],
    endpoint: Endpoint = "",
) -> None:
    """Limit the bytes of all artifacts of an owner."""
    from hub.administration.quotas import SetQuota

    quota = None if size == "none" else parse_size(size)
    with administration(endpoint) as admin:
        made = admin.run(SetQuota(name=name, quota_bytes=quota))
    print(f"{made.name} may keep {'any number of' if made.quota_bytes is None else f'{made.quota_bytes:,}'} bytes")


@quotas.command("show")
def show(name: Annotated[str, Argument(help="A user or an organisation.")], endpoint: Endpoint = "") -> None:
    """Owner, bytes used, bytes allowed, of one owner."""
    from hub.administration.quotas import ShowQuota

    with administration(endpoint) as admin:
        lines([_line(admin.run(ShowQuota(name=name)))])


@quotas.command("list")
def list_quotas(endpoint: Endpoint = "") -> None:
    """Owner, bytes used, bytes allowed."""
    from hub.administration.quotas import ListQuotas

    with administration(endpoint) as admin:
        lines([_line(each) for each in admin.run(ListQuotas())])


def parse_size(text: str) -> int:
    """`20G` in bytes. Raises WrongRequest."""
    found = re.fullmatch(r"(\d{1,12})\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise WrongRequest(f"{text!r} is no size: write 500M, 20G or none.")
    return int(found[1]) * _UNITS[found[2]]


def _line(quota: Quota) -> tuple[str, int, int | str]:
    return quota.name, quota.used_bytes, "any" if quota.quota_bytes is None else quota.quota_bytes
