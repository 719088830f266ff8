"""Operations on single repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.administration.operation import Operation
from hub.names import ArtifactName
from hub.registry.artifacts.repositories import allow_unsafe_files, remove_tombstone

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether an artifact may have files that can run code."""

    name: str
    allow_unsafe_files: bool


@dataclass(frozen=True, slots=True)
class FreedName:
    """A name that is available again."""

    name: str


class AllowUnsafeFiles(Operation[Policy]):
    """Allow or forbid pickles, archives and programs in an artifact, `owner%2Fname`."""

    method, path = "PUT", "/admin/repositories/{name}/policy"
    name: str
    allow_unsafe_files: bool

    def run(self, hub: LocalHub, actor: Actor) -> Policy:
        from hub.publish.publish import drain_outbox

        found = hub.registry.repository(self.name)
        allow_unsafe_files(hub.registry.database, found.name, self.allow_unsafe_files, actor)
        drain_outbox(hub.registry, hub.store)
        return Policy(str(found.name), self.allow_unsafe_files)


class FreeName(Operation[FreedName]):
    """Forget a deleted or renamed artifact, `owner%2Fname`: its former name no longer redirects."""

    method, path = "DELETE", "/admin/tombstones/{name}"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> FreedName:
        found = ArtifactName.parse(self.name, hub.home.owner)
        remove_tombstone(hub.registry.database, found, actor)
        return FreedName(str(found))


OPERATIONS = (AllowUnsafeFiles, FreeName)
