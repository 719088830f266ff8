"""Check storage quotas of owners and the free space of the disk."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hub.errors import DiskFull, OverQuota
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.registry.accounts.permissions import Account
from hub.registry.uploads.uploads import uncommitted_bytes

KNOWN_S = 10.0
"""Seconds for which each process remembers the room of an owner for uploads, which is computed from all of its files."""
_MAX_KNOWN = 10_000
_known: dict[tuple[str, str, int], tuple[float, int]] = {}
"""Database, owner and quota → until when, and the bytes left."""


def has_quota(hub: LocalHub, name: ArtifactName) -> bool:
    """Return whether the owner of `name` has a quota."""
    return _limit(hub, name.owner) is not None


def require_room(hub: LocalHub, name: ArtifactName, sizes: Mapping[Digest, int], *, unknown_bytes: int = 0) -> None:
    """Raise OverQuota if these blobs would exceed the quota of the owner of `name`, DiskFull if they exceed the free space.

    All uploads for the owner count, committed or not. `unknown_bytes` is the size of files whose digests are not
    known yet: they may be among the uploads without a commit.
    """
    room = hub.store.free_bytes()
    if room is not None and unknown_bytes > room:
        raise DiskFull(f"`{name}` needs {unknown_bytes} bytes, but the disk of the store has only {room} bytes left.")
    if (limit := _limit(hub, name.owner)) is not None:
        owner, quota_bytes = limit
        _room_left(hub, owner, quota_bytes, sizes, unknown_bytes=unknown_bytes)


def require_room_for_upload(hub: LocalHub, owner: str, sizes: Mapping[Digest, int], *, raw_bytes: int = 0) -> None:
    """Raise OverQuota if an upload that begins would exceed the quota of an owner. `raw_bytes` is the size of a part or xorb.

    The room is computed at most every KNOWN_S seconds while there is enough.
    """
    limit = _limit(hub, owner) if owner else None
    if limit is None:
        return
    account, quota_bytes = limit
    key, size = (hub.registry.database.address, account.name, quota_bytes), sum(sizes.values()) + raw_bytes
    until, left = _known.get(key, (0.0, 0))
    if time.monotonic() < until and size <= left:
        _known[key] = until, left - size
        return
    left = _room_left(hub, account, quota_bytes, sizes, raw_bytes=raw_bytes)
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[key] = time.monotonic() + KNOWN_S, left


def _limit(hub: LocalHub, name: str) -> tuple[Account, int] | None:
    owner = hub.accounts.find(name)
    return None if owner is None or owner.quota_bytes is None else (owner, owner.quota_bytes)


def _room_left(
    hub: LocalHub,
    owner: Account,
    quota_bytes: int,
    sizes: Mapping[Digest, int],
    *,
    unknown_bytes: int = 0,
    raw_bytes: int = 0,
) -> int:
    """Return the bytes that are left after storing these blobs. Raises OverQuota if there are too few."""
    used = hub.accounts.used_bytes(owner.name)
    uploaded = uncommitted_bytes(hub.registry.database, owner.name, sizes, raw_bytes=raw_bytes)
    wanted = max(uploaded, unknown_bytes)
    if used + wanted > quota_bytes:
        raise OverQuota(
            f"`{owner.name}` has a quota of {quota_bytes} bytes, uses {used} and would add {wanted}, including uploads that no commit "
            "contains yet: delete files or ask an administrator."
        )
    return quota_bytes - used - wanted
