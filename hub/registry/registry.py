"""The registry: get, find, record."""

# ruff: noqa: S608 - only constants are put into SQL here.

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hub.errors import AllYanked, InvalidRequest, UnknownArtifact, UnknownRevision
from hub.names import DATASETS, ArtifactName, Digest, split_values
from hub.records import DATASET, Artifact, Page, Query, Repository, Revision, StandIn
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.artifacts.downloads import count_download
from hub.registry.artifacts.history import line_of
from hub.registry.artifacts.rows import NAME, find_pinned, name_of, read_artifacts, read_revisions
from hub.registry.database.database import Database, ResultRow
from hub.registry.database.open import open_database
from hub.registry.index.current_revisions import current_revisions
from hub.registry.index.tags import CURATED_OWNER
from hub.registry.names.base_names import find_base_names, known_bases
from hub.registry.names.find_typed import explain_no_results, find_typed
from hub.registry.names.stand_ins import find_stand_ins
from hub.registry.outbox.queue import Job, jobs
from hub.registry.parts import parts
from hub.registry.refs import BRANCH, TAG, WRITING, Ref, find_ref, refs_of
from hub.registry.search.replica import Replica
from hub.registry.uploads.uploads import uploaded_digests

ALL_CARDS = "."
"""The entry of `indexed` for all curated folders together."""
_COLUMNS = "id, owner, name, kind, private, gated, allow_unsafe_files"
_MAX_NEIGHBOURS = 1000
"""Maximum number of names with the same beginning, and of the most downloaded ones, that a misspelt name is compared with."""
_MAX_LISTED = 200
"""Maximum number of revisions that a misspelt one is compared with."""


class Registry:
    """The registry in a database. Any number of threads and processes may use it at once."""

    def __init__(self, database: Database, owner: str, replica: str = "") -> None:
        self.database = database
        self.owner = owner
        self._replica = Replica(replica, database) if replica else None

    @classmethod
    def open(cls, url_or_path: str | Path, owner: str = "local", replica: str = "") -> Registry:
        """Open, create or migrate the registry at a path, a `sqlite:///` or a `postgresql://` URL.

        `owner`: the account under which names without an owner are looked up first. `replica`: the URL of a database that follows this
        one and is searched instead. Raises InvalidRequest, DamagedFile for a database that is not a
        registry or belongs to a newer linguahub, Unreachable if it cannot be written.
        """
        database = open_database(url_or_path)
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
        return cls(database, owner, replica)

    def get(
        self, name: str | ArtifactName, readers: tuple[str, ...] | None = None, *, is_dataset: bool | None = None
    ) -> Artifact:
        """Return an artifact. A name without an owner is looked up under the user's account, then `linguahub`, then all owners.

        A name without `datasets/` is a model's if there is one, else a data set's; `is_dataset` decides instead, about a name that
        must then be without it. `readers`: see `Query.readers`; a private artifact of other owners is answered as a name that does
        not exist. Raises UnknownArtifact with similar names, InvalidRequest if several owners have an artifact of this name.
        """
        return read_artifacts(self.database, [self._id(name, readers, is_dataset)])[0]

    def repository(
        self, name: str | ArtifactName, readers: tuple[str, ...] | None = None, *, is_dataset: bool | None = None
    ) -> Repository:
        """Return what permissions of an artifact depend on; see `get`, which takes up to 20 times as long. Raises as `get` does."""
        row = self._row(name, readers, is_dataset)
        return Repository(
            name=name_of(row),
            kind=row["kind"],
            private=bool(row["private"]),
            gated=row["gated"],
            allow_unsafe_files=bool(row["allow_unsafe_files"]),
        )

    def find(self, query: Query, *, explain: bool = True) -> Page:
        """Return a page of the artifacts that match `query`, with total and facet counts. Raises InvalidRequest.

        `query.base` may be any name of the base, and `query.text` may contain names of bases, languages and methods. The first page
        of a search for a name such as `mulan-fr` has its stand-ins, and with `explain`, one without results suggests changes, for
        which several searches are needed.
        """
        bases = tuple(name for base in split_values(query.base) for name in self.base_names(base))

        def search(database: Database) -> Page:
            page = find_typed(database, query, self.owner, bases)
            is_empty = not (page.total or page.stand_ins or query.offset or query.after) and query.limit
            return explain_no_results(database, query, page, self.owner, bases) if is_empty and explain else page

        return self._replica.search(search) if self._replica is not None else search(self.database)

    def stand_ins(self, name: str, base: str = "", readers: tuple[str, ...] | None = None) -> tuple[StandIn, ...]:
        """Return the multilingual modules that a name such as `mulan-yo` refers to on bases it is not made for, or only on `base`."""
        return find_stand_ins(self.database, name, self.owner, self.base_names(base) if base else (), readers)

    def base_named(self, name: str) -> str:
        """Return `owner/name` of the base that people call `name`, such as `SD 1.5` or an upstream repository; empty if unknown."""
        found = find_base_names(self.database, name, self.owner)
        return found.name if found is not None else ""

    def short_base_name(self, name: str) -> str:
        """Return the name of a base without its owner, as modules and scores have it; `name` itself if it is unknown."""
        return self.base_named(name).rpartition("/")[2] or name

    def base_names(self, name: str = "") -> tuple[str, ...]:
        """Return all names of a base, without owners and in lower case; or the names of all bases, as their cards write them."""
        if not name:
            return tuple(
                each for base in known_bases(self.database, self.owner) for each in (base.bare[0], *base.others)
            )
        found = find_base_names(self.database, name, self.owner)
        return found.bare if found is not None else (name.rpartition("/")[2].lower(),)

    def revision(self, name: str | ArtifactName, revision: str = "main", *, with_files: bool = True) -> Revision:
        """Return a revision by id, at least 7 of its digits, number, ref, or an id that a part knows, such as a git commit's.

        A branch or alias resolves to its newest revision that is not yanked. All others are pins, and can resolve to a yanked revision.
        `with_files=False` is much faster: `hub.registry.artifacts.files` finds single ones. Raises UnknownArtifact,
        UnknownRevision, AllYanked.
        """
        if not with_files and isinstance(name, ArtifactName) and (pinned := find_pinned(self.database, name, revision)):
            return pinned
        row = self._row(name)
        artifact_id, artifact = int(row["id"]), name_of(row)
        found = self._revision_id(artifact_id, revision, artifact)
        if not found:
            listed = self.database.rows(
                "SELECT id, number FROM revisions WHERE artifact_id = :id ORDER BY number DESC LIMIT :limit",
                {"id": artifact_id, "limit": _MAX_LISTED},
            )
            known = [
                *(each.name for each in refs_of(self.database, artifact_id)),
                *(str(row["number"]) for row in listed),
                *(row["id"][:12] for row in listed),
            ]
            raise UnknownRevision(revision, known, listing=f"hub show {name}")
        return read_revisions(self.database, artifact, artifact_id, only=found, with_files=with_files)[0]

    def tip(self, name: str | ArtifactName, revision: str = "main", *, with_files: bool = True) -> Revision:
        """Like `revision`, but return the last revision of a branch or alias even if it is yanked: the parent of the next commit.

        A name that a branch and a tag share means the branch.
        """
        at = find_ref(refs_of(self.database, self._id(name), revision), revision, WRITING)
        return self.revision(name, at.revision if at else revision, with_files=with_files)

    def revisions(self, name: str | ArtifactName, *, with_files: bool = True) -> tuple[Revision, ...]:
        """Return all revisions, newest first, including yanked ones; `with_files=False` is faster."""
        row = self._row(name)
        return read_revisions(self.database, name_of(row), row["id"], with_files=with_files)

    def line(self, start: Revision, limit: int) -> tuple[Revision, ...]:
        """Return up to `limit` revisions without files: `start`, its parent, and so on. The cost does not grow with what is left out."""
        row = self._row(start.artifact)
        listed = line_of(self.database, start.id, limit)
        return read_revisions(self.database, name_of(row), row["id"], among=listed, with_files=False)

    def refs(self, name: str | ArtifactName) -> tuple[Ref, ...]:
        """Return branches, tags and aliases, sorted by name."""
        return refs_of(self.database, self._id(name))

    def head(self, name: ArtifactName, branch: str = "main") -> str | None:
        """Return the id of the last revision of a branch, even if it is yanked; None if artifact or branch do not exist."""
        rows = self.database.rows(
            "SELECT revision_id FROM refs JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key AND refs.name = :branch "
            "AND refs.kind = :kind",
            {"key": name.key, "branch": branch, "kind": BRANCH},
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
        """Make `revision` the head of a branch of `artifact`, in one transaction, and assign its number unless it is known.

        `actor`: the originator on a server, for the audit log. Raises Conflict unless the branch is at `expected_parent` (None: the
        branch does not exist yet).
        """
        from hub.registry.artifacts import record as writing

        with self.database.transaction() as session:
            writing.record(session, artifact, revision, expected_parent, branch=branch, actor=actor)

    def record_new(self, entries: Sequence[tuple[Artifact, Revision]]) -> None:
        """Record artifacts that do not exist, each with its first revision, in one transaction. Raises Conflict if one exists."""
        from hub.registry.artifacts import record as writing

        with self.database.transaction() as session:
            writing.record_new(session, entries)

    def yank(
        self,
        name: ArtifactName,
        revision: str,
        *,
        yanked: bool = True,
        current: tuple[Artifact, Revision] | None = None,
        actor: Actor | None = None,
        reason: str = "",
    ) -> Revision:
        """Yank a revision, or undo it, and return it; see `hub.publish.commit.yank`.

        `current`: the revision that `main` resolves to afterwards, and the artifact as it describes it; None keeps
        the description. `actor` and `reason` are for the audit log.
        """
        from hub.registry.artifacts import record as writing

        found = self.tip(name, revision)
        with self.database.transaction() as session:
            writing.yank(session, found.artifact, found.id, yanked=yanked, current=current, actor=actor, reason=reason)
        return self.revision(name, found.id)

    def remove(self, name: ArtifactName) -> None:
        """Delete an artifact from the registry; nothing happens if it does not exist."""
        from hub.registry.artifacts import record as writing

        with self.database.transaction() as session:
            writing.remove(session, name)

    def languages(self) -> dict[str, int]:
        """Map language tags to their number of artifacts, most frequent first."""
        return dict(self.find(Query(limit=0)).facets["language"])

    def names(self) -> list[str]:
        """Return the names of all artifacts as `owner/name`, sorted."""
        return [row[0] for row in self.database.rows(f"SELECT {NAME} FROM artifacts ORDER BY key")]

    def count_download(self, name: ArtifactName) -> None:
        """Count a download of `name`; nothing happens if the artifact does not exist."""
        count_download(self.database, name)

    def blobs(self) -> dict[Digest, int]:
        """Map the blobs of all files to their size in bytes."""
        return {Digest(row["digest"]): row["size_bytes"] for row in self.database.rows("SELECT * FROM blobs")}

    def referenced_blobs(self) -> set[Digest]:
        """Return all blobs in use: files and manifests of revisions, recent uploads, and blobs that parts need."""
        question = "SELECT digest FROM files UNION SELECT id FROM revisions"
        return {
            *(Digest(row[0]) for row in self.database.rows(question)),
            *uploaded_digests(self.database),
            *(digest for part in parts() for digest in part.blobs(self.database)),
        }

    def revision_names(self) -> dict[Digest, str]:
        """Map the digests of all manifests to their revisions, as `owner/name@number`."""
        question = (
            f"SELECT revisions.id, {NAME} || '@' || number FROM revisions JOIN artifacts ON artifacts.id = artifact_id"
        )
        return {Digest(row[0]): row[1] for row in self.database.rows(question)}

    def files_with(self, digest: Digest) -> list[str]:
        """Return the files with this digest, as `owner/name@number:path`."""
        question = (
            f"SELECT {NAME} || '@' || number || ':' || path FROM files "
            "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id WHERE digest = :digest"
        )
        return [row[0] for row in self.database.rows(question, {"digest": digest.hex})]

    def jobs(self) -> list[Job]:
        """Return the jobs in the outbox, oldest first."""
        return jobs(self.database)

    def indexed(self) -> dict[str, tuple[str, str]]:
        """Map curated folders to their stamp and artifact when they were last indexed; ALL_CARDS is the entry for all of them."""
        rows = self.database.rows("SELECT source, stamp, artifact FROM indexed")
        return {row["source"]: (row["stamp"], row["artifact"]) for row in rows}

    def mark_indexed(self, *folders: tuple[str, str, str]) -> None:
        """Record source, stamp and artifact of curated folders that were indexed, in one transaction."""
        from sqlalchemy import text

        statement = (
            "INSERT INTO indexed (source, stamp, artifact) VALUES (:source, :stamp, :artifact) "
            "ON CONFLICT (source) DO UPDATE SET stamp = excluded.stamp, artifact = excluded.artifact"
        )
        rows = [dict(zip(("source", "stamp", "artifact"), each, strict=True)) for each in folders]
        if rows:
            with self.database.transaction() as session:
                session.execute(text(statement), rows)

    def unmark_indexed(self, source: str) -> None:
        """Delete the record of a curated folder that no longer exists."""
        self.database.execute("DELETE FROM indexed WHERE source = :source", {"source": source})

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()
        if self._replica is not None:
            self._replica.close()

    def _revision_id(self, artifact_id: int, revision: str, artifact: ArtifactName) -> str:
        """Return the id of the revision that `revision` names; empty if there is none. Raises AllYanked."""
        wanted = revision.lower()
        at = find_ref(refs_of(self.database, artifact_id, revision), revision)
        if at is not None:
            row = self.database.rows("SELECT number, yanked FROM revisions WHERE id = :id", {"id": at.revision})[0]
            if not row["yanked"] or at.kind == TAG:
                return at.revision
            current = current_revisions(self.database, [artifact_id], at.name)
            if artifact_id not in current:
                raise AllYanked(str(artifact), at.name, row["number"])
            return current[artifact_id]
        found: list[str] = []
        if re.fullmatch(r"[1-9][0-9]{0,17}", wanted):
            numbered = "SELECT id FROM revisions WHERE artifact_id = :id AND number = :number"
            found = [row[0] for row in self.database.rows(numbered, {"id": artifact_id, "number": int(wanted)})]
        if re.fullmatch(r"[0-9a-f]{7,64}", wanted):
            between = "SELECT id FROM revisions WHERE id >= :first AND id < :last AND artifact_id = :id LIMIT 2"
            values = {"id": artifact_id, "first": wanted, "last": f"{wanted}g"}  # `g` follows every hex digit.
            matching = [row[0] for row in self.database.rows(between, values)]
            found = matching if len(matching) == 1 else found
        if not found:
            found = list(filter(None, (part.revision(self.database, artifact_id, wanted) for part in parts())))
        return found[0] if found else ""

    def _id(
        self, name: str | ArtifactName, readers: tuple[str, ...] | None = None, is_dataset: bool | None = None
    ) -> int:
        return int(self._row(name, readers, is_dataset)["id"])

    def _row(
        self, name: str | ArtifactName, readers: tuple[str, ...] | None = None, is_dataset: bool | None = None
    ) -> ResultRow:
        condition, values = visibility_condition(readers)
        visible = f"(NOT private OR {condition})"
        if isinstance(name, str) and is_dataset is None and name.startswith(DATASETS):
            name, is_dataset = name.removeprefix(DATASETS), True
        for candidate in self._candidates(name, is_dataset):
            question = f"SELECT {_COLUMNS} FROM artifacts WHERE key = :key AND {visible}"
            rows = self.database.rows(question, {"key": candidate.key, **values})
            if rows:
                return rows[0]
        bare = name if isinstance(name, str) and "/" not in name else ""
        rows = self.database.rows(
            f"SELECT {_COLUMNS} FROM artifacts WHERE bare_key = :key AND NOT private ORDER BY key",
            {"key": bare.lower()},
        )
        rows = [row for row in rows if (row["kind"] == DATASET) == bool(is_dataset)] or (
            rows if is_dataset is None else []
        )
        if len(rows) > 1:
            raise InvalidRequest(f"`{bare}` is ambiguous: use one of {', '.join(str(name_of(row)) for row in rows)}.")
        if rows:
            return rows[0]
        column = "owner || '/' || name" if not bare else "name"
        of_kind = f"kind {'=' if is_dataset else '<>'} '{DATASET}' AND " if is_dataset is not None else ""
        begin = (bare or str(name).rpartition("/")[2])[:2].lower()
        likely = "bare_key >= :first AND bare_key < :last"
        values = {**values, "first": begin, "last": f"{begin}\U0010ffff"}
        questions = (
            f"SELECT {column} FROM artifacts WHERE {likely} AND {of_kind}{visible} ORDER BY bare_key, key LIMIT {_MAX_NEIGHBOURS}",
            f"SELECT {column} FROM artifacts WHERE {of_kind}{visible} ORDER BY downloads DESC LIMIT {_MAX_NEIGHBOURS}",
        )
        known = [row[0] for question in questions for row in self.database.rows(question, values)]
        raise UnknownArtifact(str(name), known)

    def _candidates(self, name: str | ArtifactName, is_dataset: bool | None) -> list[ArtifactName]:
        """Return the full names to look up for `name`, in order: models come before data sets if both can be meant."""
        if isinstance(name, ArtifactName):
            return [name]
        parse = ArtifactName.parse_repository
        kinds = (False, True) if is_dataset is None else (is_dataset,)
        owners = (self.owner, CURATED_OWNER) if "/" not in name else ("",)
        return list(dict.fromkeys(parse(name, owner, is_dataset=kind) for kind in kinds for owner in owners))
