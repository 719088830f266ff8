"""Where a caller can publish: owners, and the artifact that a form names."""

from __future__ import annotations

from hub.errors import InvalidName, UnknownArtifact
from hub.local import LocalHub
from hub.names import DATASETS, ArtifactName
from hub.records import Artifact
from hub.registry.accounts.permissions import Caller
from server.auth.caller import account_of, require_create, require_write


def owners_of(hub: LocalHub, caller: Caller) -> list[str]:
    """Return the names under which the caller can create artifacts: its own first, then those of its organisations."""
    account = account_of(caller)
    names = [account.name, *sorted(each.name for each, _ in hub.accounts.organisations(account))]
    return [each for each in names if caller.may_create(ArtifactName(each, "any"))]


def parse_target(owner: str, name: str, *, is_dataset: bool) -> ArtifactName:
    """Return the artifact that is named in a form. Raises InvalidName."""
    if not name.strip():
        raise InvalidName("the name is missing: give the artifact a name, such as `mulan-yo`.")
    return ArtifactName(owner.strip(), name.strip().removeprefix(DATASETS), is_dataset)


def find_target(hub: LocalHub, caller: Caller, target: ArtifactName) -> Artifact | None:
    """Return the artifact that files are added to; None if it would be new. Raises Forbidden, with the same words for a hidden one."""
    try:
        artifact = hub.registry.get(target, caller.readers())
    except UnknownArtifact:
        require_create(caller, target)
        return None
    require_write(caller, artifact.name)
    return artifact
