"""Operations on the policy of files, and on files that scanners found malicious."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Operation, check_limit
from hub.cards.policy import POLICIES
from hub.names import Digest
from hub.registry.accounts.file_policy import file_policies, set_file_policy
from hub.registry.artifacts.scans import Scan, allow_file, malicious_files

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor


@dataclass(frozen=True, slots=True)
class FilePolicy:
    """The files that an owner can publish."""

    owner: str
    """Empty for the server, whose policy applies to all other owners."""
    policy: str
    """`safetensors-only`, `scan` or `any`."""


@dataclass(frozen=True, slots=True)
class MaliciousFile:
    """A file that scanners found malicious."""

    digest: str
    name: str
    evidence: tuple[str, ...]
    """The findings, one line per scanner."""
    artifacts: tuple[str, ...]
    """Up to ten artifacts that contain it, as `owner/name`."""
    allowed_by: str
    """The administrator who allows downloads; empty if it is not served."""


class ListFilePolicies(Operation[list[FilePolicy]]):
    """List the file policy of the server, and of the owners that have their own."""

    path, errors = "/admin/file-policies", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[FilePolicy]:
        return [FilePolicy(owner, policy) for owner, policy in file_policies(hub.registry.database).items()]


class SetFilePolicy(Operation[FilePolicy]):
    """Set the file policy of an owner, or of the server. For an owner, an empty `policy` selects the server's."""

    method, path = "PUT", "/admin/file-policies"
    policy: Annotated[str, {"enum": ["", *POLICIES]}]
    owner: Annotated[str, {"description": "Empty for the server.", "maxLength": 100}] = ""

    def run(self, hub: LocalHub, actor: Actor) -> FilePolicy:
        owner = self.owner
        if owner and owner.lower() != hub.home.owner.lower():  # The local owner needs no account.
            owner = hub.accounts.get(owner).name
        set_file_policy(hub.registry.database, owner, self.policy, actor)
        return FilePolicy(owner, self.policy)


class ListMaliciousFiles(Operation[list[MaliciousFile]]):
    """List the files that scanners found malicious, those that are not served first."""

    path, errors = "/admin/malicious-files", ()
    limit: Annotated[int, {"minimum": 1, "maximum": MAX_LINES}] = 100

    def run(self, hub: LocalHub, actor: Actor) -> list[MaliciousFile]:
        check_limit(self.limit)
        return [_malicious(*found) for found in malicious_files(hub.registry.database, self.limit)]


class AllowFile(Operation[MaliciousFile]):
    """Allow or block downloads of a malicious file, wherever it is."""

    method, path = "PUT", "/admin/malicious-files/{digest}"
    digest: str
    allowed: bool

    def run(self, hub: LocalHub, actor: Actor) -> MaliciousFile:
        return _malicious(allow_file(hub.registry.database, Digest(self.digest), self.allowed, actor), ())


def _malicious(scan: Scan, artifacts: tuple[str, ...]) -> MaliciousFile:
    return MaliciousFile(scan.digest.hex, scan.name, scan.evidence, artifacts, scan.allowed_by)


OPERATIONS = (ListFilePolicies, SetFilePolicy, ListMaliciousFiles, AllowFile)
