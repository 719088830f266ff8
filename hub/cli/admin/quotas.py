"""`hub admin quota`: storage quotas."""

from __future__ import annotations

from typing import Annotated

from typer import Argument

from hub.administration.quotas import ListQuotas, Quota, SetQuota, ShowQuota, parse_size
from hub.cli.admin.options import Endpoint, Owner, group, lines, run

quotas = group("Manage storage quotas.")


@quotas.command("set")
def set_quota(
    name: Owner,
    size: Annotated[str, Argument(help="Size such as 500M or 20G; `none` removes the limit.")],
    endpoint: Endpoint = "",
) -> None:
    """Set the storage quota of a user or an organisation."""
    found = run(endpoint, SetQuota(name=name, quota_bytes=parse_size(size)))
    print(f"{found.name}: {'no quota' if found.quota_bytes is None else f'{found.quota_bytes:,} bytes'}")


@quotas.command("show")
def show(name: Owner, endpoint: Endpoint = "") -> None:
    """Show the quota of one owner: name, bytes used, bytes allowed."""
    lines([_line(run(endpoint, ShowQuota(name=name)))])


@quotas.command("list")
def list_quotas(endpoint: Endpoint = "") -> None:
    """List the quotas of all owners: name, bytes used, bytes allowed."""
    lines(_line(each) for each in run(endpoint, ListQuotas()))


def _line(quota: Quota) -> tuple[str, int, int | str]:
    return quota.name, quota.used_bytes, "none" if quota.quota_bytes is None else quota.quota_bytes
