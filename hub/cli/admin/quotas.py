"""`hub admin quota`: how much an owner may keep."""

from __future__ import annotations

import re
from typing import Annotated

from typer import Argument

from hub.cli.admin.opening import group, lines, opened, operator
from hub.errors import WrongRequest

quotas = group("How much an owner may keep here.")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@quotas.command("set")
def set_quota(
    name: Annotated[str, Argument(help="A user or an organisation.")],
    size: Annotated[str, Argument(help="Such as 500M or 20G, or `none`.")],
) -> None:
    """Limit the bytes of all artifacts of an owner."""
    quota = None if size == "none" else parse_size(size)
    with opened() as hub:
        hub.accounts.set_quota(name, quota, operator())
    print(f"{name} may keep {'any number of' if quota is None else f'{quota:,}'} bytes")


@quotas.command("list")
def list_quotas() -> None:
    """Owner, bytes used, bytes allowed."""
    with opened() as hub:
        lines(
            [(each.name, hub.accounts.used_bytes(each.name), each.quota_bytes or "any") for each in hub.accounts.all()]
        )


def parse_size(text: str) -> int:
    """`20G` in bytes. Raises WrongRequest."""
    found = re.fullmatch(r"(\d{1,12})\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise WrongRequest(f"{text!r} is no size: write 500M, 20G or none.")
    return int(found[1]) * _UNITS[found[2]]
