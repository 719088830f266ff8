"""Names of revisions: branches, tags and aliases. As in git, a branch and a tag can have the same name.

Then the name alone is the tag's where files are read, so that a pin stays a pin, and the branch's where commits are made;
`refs/heads/…` and `refs/tags/…` name one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.names import bare_ref

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAIN = "main"
BRANCH, TAG, ALIAS = "branch", "tag", "alias"
"""Kinds of refs."""
READING, WRITING = (TAG, BRANCH, ALIAS), (BRANCH, ALIAS, TAG)
"""Which kind a name means first, where files are read and where commits are made."""
_PREFIXES = {"refs/heads/": (BRANCH,), "refs/tags/": (TAG,)}


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A branch, tag or alias of an artifact."""

    name: str
    kind: str
    revision: str
    """Id of the revision, which can be yanked."""
    protected: bool = False


def refs_of(database: Database, artifact_id: int, revision: str = "") -> tuple[Ref, ...]:
    """Return the refs of an artifact, sorted by name: all, or those that `revision` can mean."""
    question = "SELECT name, kind, revision_id, protected FROM refs WHERE artifact_id = :id"
    question += " AND name = :name ORDER BY kind" if revision else " ORDER BY name, kind"
    values = {"id": artifact_id, **({"name": bare_ref(revision)} if revision else {})}
    return tuple(Ref(row[0], row[1], row[2], bool(row[3])) for row in database.rows(question, values))


def find_ref(refs: Iterable[Ref], revision: str, kinds: tuple[str, ...] = READING) -> Ref | None:
    """Return the ref that `revision` names, or None. `kinds`: which kind a name without git's prefix means first."""
    kinds = next((only for prefix, only in _PREFIXES.items() if revision.startswith(prefix)), kinds)
    named = {each.kind: each for each in refs if each.name == bare_ref(revision)}
    return next((named[kind] for kind in kinds if kind in named), None)
