"""Which files an artifact can have: the policy of the server or of its owner, or an exception. See docs/publish/trust.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cards.policy import ANY, POLICIES, SAFETENSORS_ONLY, SCAN
from hub.errors import InvalidRequest
from hub.registry.accounts.server_settings import change_setting, find_setting
from hub.registry.parts import parts

if TYPE_CHECKING:
    from hub.names import ArtifactName
    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database

_SETTING = "file-policy"


def file_policy(database: Database, owner: str, *, allow_unsafe_files: bool = False) -> str:
    """Return the policy for an artifact of `owner`. `allow_unsafe_files`: the exception for one artifact."""
    if allow_unsafe_files:
        return ANY
    chosen = find_setting(database, _name(owner)) or find_setting(database, _SETTING) or SCAN
    return SAFETENSORS_ONLY if chosen == SCAN and not has_scanner() else chosen


def file_policies(database: Database) -> dict[str, str]:
    """Map the owners with their own policy, and the server as the empty owner, to their policies."""
    question = "SELECT name, value FROM settings WHERE name LIKE :pattern AND value <> '' ORDER BY name"
    rows = database.rows(question, {"pattern": f"{_SETTING}:%"})
    server = find_setting(database, _SETTING) or SCAN
    return {"": server} | {row["name"].partition(":")[2]: row["value"] for row in rows}


def set_file_policy(database: Database, owner: str, policy: str, actor: Actor) -> None:
    """Set the policy of an owner, or of the server if `owner` is empty; for an owner, an empty policy selects the server's.

    Raises InvalidRequest for an unknown policy.
    """
    if policy not in POLICIES and not (owner and not policy):
        raise InvalidRequest(f"unknown file policy {policy[:40]!r}: choose {', '.join(POLICIES)}.")
    change_setting(database, _name(owner) if owner else _SETTING, policy, actor)


def way_out(name: ArtifactName, policy: str) -> str:
    """Return what someone can do whose files a policy refuses."""
    wider = ANY if policy == SCAN or not has_scanner() else SCAN
    return (
        f"The file policy of `{name.owner}` is `{policy}` ({POLICIES[policy]}): leave these files out with `ignore_patterns`, or ask an "
        f"administrator for `hub admin file policy {wider} --owner {name.owner}` or `hub admin repo allow {name}`."
    )


def has_scanner() -> bool:
    """Return whether files are scanned here. If not, files that need scanning are only accepted under the policy `any`."""
    return any(each.scans_files for each in parts())


def _name(owner: str) -> str:
    return f"{_SETTING}:{owner.lower()}"
