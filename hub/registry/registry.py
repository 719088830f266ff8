"""The registry: get, find, record."""

from __future__ import annotations

import re
from pathlib import Path

from hub.errors import AllYanked, InvalidRequest, UnknownArtifact, UnknownRevision
from hub.names import ArtifactName, Digest, bare_ref
from hub.records import Artifact, Page, Query, Revision
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.downloads import count_download
from hub.registry.artifacts.rows import read_artifacts, read_revisions
from hub.registry.database.database import Database
from hub.registry.database.open import open_database
from hub.registry.index.heads import chosen_revisions
from hub.registry.index.tags import CURATED_OWNER
from hub.registry.outbox.queue import Job, jobs
from hub.registry.parts import parts
from hub.registry.search.search import find
from hub.registry.uploads.uploads import uploaded_digests

ALL_CARDS = "."
"""The curated folder that stands for all of them, in `indexed`."""
TAG = "tag"
"""The kind of a ref that stays with its revision, and so is a pin."""
_MAX_NEIGHBOURS = 20_000
"""Most names that a misspelt one is compared with."""


class Registry:
    """What is known, in one database. Any number of threads and processes may use it at once."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database = database
        self.owner = owner

    @classmethod
    def open(cls, url_or_path: str | Path, owner: str = "local") -> Registry:
        """Open, create or migrate the registry at a path, a `sqlite:///` or a `postgresql://` URL.

        `owner` is whose bare names come first. Raises DamagedFile for a database that is no registry or a newer one's,
        Unreachable for a place that cannot be written.
        """
        database = open_database(url_or_path)
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
        return cls(database, owner)

    def get(self, name: str | ArtifactName) -> Artifact:
        """The artifact called `name`. A bare name is looked for at the own owner, at `linguahub`, then everywhere.

        Raises UnknownArtifact with near names, InvalidRequest when several owners have it.
        """
        return read_artifacts(self.database, [self._id(name)])[0]

    def find(self, query: Query) -> Page:
        """Artifacts that fit `query`, with total and facet counts; may be empty."""
        return find(self.database, query)

    def revision(self, name: str | ArtifactName, revision: str = "main") -> Revision:
        """One revision: an id, its first 7 or more digits, a number, a ref, or what a part knows, such as git's id.

        A branch or alias gives its newest revision that is not yanked. The others are pins, and give a yanked one, too.
        Raises UnknownRevision, AllYanked.
        """
        artifact_id = self._id(name)
        ref = bare_ref(revision)
        question = (
            "SELECT name, kind, revisions.id, number, yanked FROM refs JOIN revisions ON revisions.id = revision_id "
            "WHERE refs.artifact_id = :id ORDER BY name"
        )
        refs = {row["name"]: row for row in self.database.rows(question, {"id": artifact_id})}
        at = refs.get(ref)
        wanted = at["id"] if at else revision.lower()
        if at and at["yanked"] and at["kind"] != TAG:
            chosen = chosen_revisions(self.database, [artifact_id], ref)
            if artifact_id not in chosen:
                raise AllYanked(str(self._name(artifact_id)), ref, at["number"])
            wanted = chosen[artifact_id]
        listed = self.database.rows("SELECT id, number FROM revisions WHERE artifact_id = :id", {"id": artifact_id})
        found = [row["id"] for row in listed if str(row["number"]) == wanted]
        if re.fullmatch(r"[0-9a-f]{7,64}", wanted):
            beginning = [row["id"] for row in listed if row["id"].startswith(wanted)]
            found = beginning if len(beginning) == 1 else found
        if not found:
            found = list(filter(None, (part.revision(self.database, artifact_id, wanted) for part in parts())))
        if found:
            return read_revisions(self.database, self._name(artifact_id), artifact_id, only=found[0])[0]
        known = [*refs, *(str(row["number"]) for row in listed), *(row["id"][:12] for row in listed)]
        raise UnknownRevision(revision, known, listing=f"hub show {name}")

    def tip(self, name: str | ArtifactName, revision: str = "main") -> Revision:
        """As `revision`, but of a branch or alias its very last revision, yanked or not: what a commit is made on top of."""
        return self.revision(name, self.refs(name).get(bare_ref(revision), revision))

    def revisions(self, name: str | ArtifactName, *, with_files: bool = True) -> tuple[Revision, ...]:
        """All revisions, newest first, yanked ones included; quicker without their files."""
        artifact_id = self._id(name)
        return read_revisions(self.database, self._name(artifact_id), artifact_id, with_files=with_files)

    def refs(self, name: str | ArtifactName) -> dict[str, str]:
        """Branch, tag or alias → revision id, yanked or not: `main`."""
        return self._refs(self._id(name))

    def head(self, name: ArtifactName, branch: str = "main") -> str | None:
        """Id of the last revision of a branch, yanked or not; None for one that is not here."""
        rows = self.database.rows(
            "SELECT revision_id FROM refs JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key AND refs.name = :branch",
            {"key": name.key, "branch": branch},
        )
        return rows[0][0] if rows else None

    def record(
        self,
        artifact: Artifact,
        revision: Revision,
        expected_parent: str | None,
        *,
        branch: str = "main",
        actor: Actor | None = None,
    ) -> None:
        """Make `revision` the head of a branch of `artifact`, in one transaction. Its number is given here, unless it is known.

        `actor` is who does so on a server, for the audit log.
        Raises Conflict unless the branch is at `expected_parent` (None: there is none yet).
        """
        from hub.registry.artifacts import record as writing

        with self.database.transaction() as session:
            writing.record(session, artifact, revision, expected_parent, branch=branch, actor=actor)

    def yank(
        self,
        name: ArtifactName,
        revision: str,
        *,
        yanked: bool = True,
        chosen: tuple[Artifact, Revision] | None = None,
        actor: Actor | None = None,
        reason: str = "",
    ) -> Revision:
        """Withdraw a revision without deleting it, or take that back; see `hub.publish.commit.yank`.

        `chosen` is the revision that `main` gives from then on and what it says about the artifact; None leaves the
        artifact as it is described. `actor` and `reason` are for the audit log.
        """
        from hub.registry.artifacts import record as writing

        found = self.tip(name, revision)
        with self.database.transaction() as session:
            writing.yank(session, found.artifact, found.id, yanked=yanked, chosen=chosen, actor=actor, reason=reason)
        return self.revision(name, found.id)

    def forget(self, name: ArtifactName) -> None:
        """Remove an artifact from what is known; nothing happens when it is not."""
        from hub.registry.artifacts import record as writing

        with self.database.transaction() as session:
            writing.forget(session, name)

    def languages(self) -> dict[str, int]:
        """Tag → number of artifacts, most frequent first."""
        return dict(self.find(Query(limit=0)).facets["language"])

    def names(self) -> list[str]:
        """All artifacts as `owner/name`, sorted."""
        return [row[0] for row in self.database.rows("SELECT owner || '/' || name FROM artifacts ORDER BY key")]

    def count_download(self, name: ArtifactName) -> None:
        """One more download of `name`; nothing happens when it is not here."""
        count_download(self.database, name)

    def blobs(self) -> dict[Digest, int]:
        """Every blob that a revision's files name, with its size in bytes."""
        return {Digest(row["digest"]): row["size_bytes"] for row in self.database.rows("SELECT * FROM blobs")}

    def named(self) -> set[Digest]:
        """Every blob that something here names: files of revisions, their manifests, what was sent of late, what parts need."""
        question = "SELECT digest FROM files UNION SELECT id FROM revisions"
        return {
            *(Digest(row[0]) for row in self.database.rows(question)),
            *uploaded_digests(self.database),
            *(digest for part in parts() for digest in part.blobs(self.database)),
        }

    def revision_names(self) -> dict[Digest, str]:
        """Every revision as `owner/name@number`, by the digest of its manifest."""
        question = "SELECT revisions.id, owner || '/' || name || '@' || number FROM revisions JOIN artifacts ON artifacts.id = artifact_id"
        return {Digest(row[0]): row[1] for row in self.database.rows(question)}

    def files_with(self, digest: Digest) -> list[str]:
        """Files with these bytes, as `owner/name@number:path`."""
        question = (
            "SELECT owner || '/' || name || '@' || number || ':' || path FROM files "
            "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id WHERE digest = :digest"
        )
        return [row[0] for row in self.database.rows(question, {"digest": digest.hex})]

    def jobs(self) -> list[Job]:
        """What the outbox holds, oldest first."""
        return jobs(self.database)

    def indexed(self) -> dict[str, tuple[str, str]]:
        """Curated folder → its stamp and artifact, as of the last `hub index`. ALL_CARDS stands for all of them."""
        rows = self.database.rows("SELECT source, stamp, artifact FROM indexed")
        return {row["source"]: (row["stamp"], row["artifact"]) for row in rows}

    def mark_indexed(self, source: str, stamp: str, artifact: str = "") -> None:
        """Remember what a curated folder looked like when it was indexed."""
        self.database.execute(
            "INSERT INTO indexed (source, stamp, artifact) VALUES (:source, :stamp, :artifact) "
            "ON CONFLICT (source) DO UPDATE SET stamp = excluded.stamp, artifact = excluded.artifact",
            {"source": source, "stamp": stamp, "artifact": artifact},
        )

    def unmark_indexed(self, source: str) -> None:
        """Forget a curated folder that is gone."""
        self.database.execute("DELETE FROM indexed WHERE source = :source", {"source": source})

    def close(self) -> None:
        """Give back the database's connections."""
        self.database.close()

    def _refs(self, artifact_id: int) -> dict[str, str]:
        question = "SELECT name, revision_id FROM refs WHERE artifact_id = :id ORDER BY name"
        return {row[0]: row[1] for row in self.database.rows(question, {"id": artifact_id})}

    def _name(self, artifact_id: int) -> ArtifactName:
        row = self.database.rows("SELECT owner, name FROM artifacts WHERE id = :id", {"id": artifact_id})[0]
        return ArtifactName(row["owner"], row["name"])

    def _id(self, name: str | ArtifactName) -> int:
        for candidate in self._candidates(name):
            rows = self.database.rows("SELECT id FROM artifacts WHERE key = :key", {"key": candidate.key})
            if rows:
                return int(rows[0]["id"])
        bare = name if isinstance(name, str) and "/" not in name else ""
        rows = self.database.rows(
            "SELECT id, owner || '/' || name AS name FROM artifacts WHERE bare_key = :key AND NOT private ORDER BY key",
            {"key": bare.lower()},
        )
        if len(rows) > 1:
            raise InvalidRequest(
                f"`{bare}` could be {', '.join(row['name'] for row in rows)}: write it with its owner."
            )
        if rows:
            return int(rows[0]["id"])
        column = "owner || '/' || name" if not bare else "name"
        question = f"SELECT {column} FROM artifacts WHERE NOT private ORDER BY downloads DESC LIMIT {_MAX_NEIGHBOURS}"  # noqa: S608
        known = self.database.rows(question)
        raise UnknownArtifact(str(name), known=dict.fromkeys(row[0] for row in known))

    def _candidates(self, name: str | ArtifactName) -> list[ArtifactName]:
        """Full names that `name` may stand for, in order."""
        if isinstance(name, ArtifactName):
            return [name]
        return list(dict.fromkeys(ArtifactName.parse(name, owner) for owner in (self.owner, CURATED_OWNER)))
