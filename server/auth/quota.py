"""Check storage quotas of owners and the free space of the disk."""

from __future__ import annotations

from hub.errors import DiskFull, OverQuota
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.registry.uploads.uploads import pending_bytes


def require_room(hub: LocalHub, name: ArtifactName, sizes: dict[Digest, int], *, unknown_bytes: int = 0) -> None:
    """Raise OverQuota if these blobs would exceed the quota of the owner of `name`, DiskFull if they exceed the free space.

    `unknown_bytes` is the size of files whose digests are not known yet.
    """
    room = hub.store.free_bytes()
    if room is not None and unknown_bytes > room:
        raise DiskFull(f"`{name}` needs {unknown_bytes} bytes, but the disk of the store has only {room} bytes left.")
    owner = hub.accounts.find(name.owner)
    if owner is None or owner.quota_bytes is None:
        return
    used = hub.accounts.used_bytes(owner.name)
    wanted = pending_bytes(hub.registry.database, name, sizes) + unknown_bytes
    if used + wanted > owner.quota_bytes:
        raise OverQuota(
            f"`{owner.name}` has a quota of {owner.quota_bytes} bytes, uses {used} and would add {wanted}: "
            "delete files or ask an administrator."
        )
