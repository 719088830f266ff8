"""Whether an owner may keep more."""

from __future__ import annotations

from hub.errors import OverQuota
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.registry.custody import pending_bytes


def insist_on_room(hub: LocalHub, name: ArtifactName, sizes: dict[Digest, int]) -> None:
    """Raises OverQuota when the owner of `name` would hold more than allowed with these blobs, too."""
    owner = hub.accounts.find(name.owner)
    if owner is None or owner.quota_bytes is None:
        return
    used = hub.accounts.used_bytes(owner.name)
    wanted = pending_bytes(hub.registry.database, name, sizes)
    if used + wanted > owner.quota_bytes:
        raise OverQuota(
            f"`{owner.name}` may keep {owner.quota_bytes} bytes, holds {used} and would add {wanted}: "
            "delete something, or ask an administrator."
        )
