"""Whether an owner may keep more, and whether there is room for it."""

from __future__ import annotations

from hub.errors import DiskFull, OverQuota
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.registry.uploads.uploads import pending_bytes


def insist_on_room(hub: LocalHub, name: ArtifactName, sizes: dict[Digest, int], *, unknown_bytes: int = 0) -> None:
    """Raises OverQuota when the owner of `name` would hold more than allowed with these blobs, too, DiskFull when the disk ends first.

    `unknown_bytes` are those of files whose digests nobody has said yet.
    """
    room = hub.store.room()
    if room is not None and unknown_bytes > room:
        raise DiskFull(f"{unknown_bytes} bytes are announced for `{name}`, and the disk of the store has {room} left.")
    owner = hub.accounts.find(name.owner)
    if owner is None or owner.quota_bytes is None:
        return
    used = hub.accounts.used_bytes(owner.name)
    wanted = pending_bytes(hub.registry.database, name, sizes) + unknown_bytes
    if used + wanted > owner.quota_bytes:
        raise OverQuota(
            f"`{owner.name}` may keep {owner.quota_bytes} bytes, holds {used} and would add {wanted}: "
            "delete something, or ask an administrator."
        )
