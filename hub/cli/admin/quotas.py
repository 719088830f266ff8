"""`hub admin quota`: storage quotas."""

from __future__ import annotations

import re
from typing import Annotated

from typer import Argument

from hub.administration.quotas import ListQuotas, Quota, SetQuota, ShowQuota
from hub.cli.admin.options import Endpoint, Owner, group, lines, run
from hub.errors import InvalidRequest

quotas = group("Manage storage quotas.")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@quotas.command("set")
def set_quota(
    name: Owner,
    size: Annotated[str, Argument(help="Size such as 500M or 20G; `none` removes the limit.")],
    endpoint: Endpoint = "",
) -> None:
    """Set the storage quota of a user or an organisation."""
    found = run(endpoint, SetQuota(name=name, quota_bytes=None if size == "none" else parse_size(size)))
    print(f"{found.name}: {'no quota' if found.quota_bytes is None else f'{found.quota_bytes:,} bytes'}")


@quotas.command("show")
def show(name: Owner, endpoint: Endpoint = "") -> None:
    """Show the quota of one owner: name, bytes used, bytes allowed."""
    lines([_line(run(endpoint, ShowQuota(name=name)))])


@quotas.command("list")
def list_quotas(endpoint: Endpoint = "") -> None:
    """List the quotas of all owners: name, bytes used, bytes allowed."""
    lines(_line(each) for each in run(endpoint, ListQuotas()))


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `20G`. Raises InvalidRequest."""
    found = re.fullmatch(r"(\d{1,12})\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise InvalidRequest(f"{text!r} is not a size: use 500M, 20G or none.")
    return int(found[1]) * _UNITS[found[2]]


def _line(quota: Quota) -> tuple[str, int, int | str]:
    return quota.name, quota.used_bytes, "none" if quota.quota_bytes is None else quota.quota_bytes
