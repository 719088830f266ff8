"""Read artifacts, revisions and files from rows."""

# ruff: noqa: S608 - only names of columns and bound parameters, and whole numbers, are put into SQL here.
from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub.conditioning import Conditioning, read_conditioning
from hub.names import COMMIT_DIGITS, DATASETS, ArtifactName, Digest
from hub.records import (
    DATASET,
    JOINT,
    Artifact,
    File,
    Pin,
    Revision,
    Score,
    Signature,
    Upstream,
    Variant,
)
from hub.registry.database.clock import known_time
from hub.registry.index.current_revisions import current_revisions
from hub.registry.scores.rows import read_score, without_repeated

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow


NAME = (
    f"CASE WHEN artifacts.kind = '{DATASET}' THEN '{DATASETS}' ELSE '' END || artifacts.owner || '/' || artifacts.name"
)
"""The name of an artifact, as SQL."""
_COLUMNS = (
    "id, owner, name, kind, summary, license, method, encoder, conditioning, tags, upstream, weights_digest, size_bytes, downloads, "
    "created_at, updated_at, private, gated, allow_unsafe_files, likes, trending, weights, aliases, trained_languages"
)
"""All columns but those of the search index, which are most of a row."""
_WITH_SIGNATURE = "LEFT JOIN signatures ON revision_id = revisions.id"
_PIN = re.compile(rf"[0-9a-f]{{{COMMIT_DIGITS}}}|[0-9a-f]{{64}}")


def name_of(row: ResultRow) -> ArtifactName:
    """Return the name of an artifact from a row with `owner`, `name` and `kind`."""
    return ArtifactName(row["owner"], row["name"], row["kind"] == DATASET)


def read_artifacts(
    database: Database, ids: Sequence[int], headlines: Mapping[int, Score] | None = None
) -> tuple[Artifact, ...]:
    """Return the artifacts with these ids, in order, with six queries in total.

    With `headlines`, each artifact has only that score, to avoid reading the hundreds of scores of a multilingual one.
    """
    if not ids:
        return ()
    id_list = f"({', '.join(map(str, map(int, ids)))})"

    def rows_of(table: str, order: str) -> dict[int, list[ResultRow]]:
        found = defaultdict(list)
        for row in database.rows(f"SELECT * FROM {table} WHERE artifact_id IN {id_list} ORDER BY artifact_id, {order}"):
            found[row["artifact_id"]].append(row)
        return found

    languages, bases = rows_of("artifact_languages", "position"), rows_of("artifact_bases", "position")
    variants = rows_of("variants", "folder")
    scores = (
        {each: [score] for each, score in headlines.items()}
        if headlines is not None
        else {
            each: without_repeated([*map(read_score, found)]) for each, found in rows_of("scores", "position").items()
        }
    )
    heads = current_revisions(database, ids)
    artifacts = {
        row["id"]: Artifact(
            name=name_of(row),
            kind=row["kind"],
            summary=row["summary"],
            license=row["license"],
            languages=tuple(each["tag"] for each in languages[row["id"]]),
            method=row["method"],
            variants=tuple(map(_variant, variants[row["id"]])),
            bases=tuple(each["base"] for each in bases[row["id"]]),
            encoder=row["encoder"],
            conditioning=_conditioning(row["conditioning"]),
            scores=tuple(scores.get(row["id"], ())),
            tags=_list(row["tags"]),
            upstream=tuple(map(Upstream.from_dict, _list(row["upstream"]))),
            revision=heads.get(row["id"], ""),
            weights_digest=row["weights_digest"],
            size_bytes=row["size_bytes"],
            downloads=row["downloads"],
            created_at=known_time(row["created_at"]),
            updated_at=known_time(row["updated_at"]),
            private=bool(row["private"]),
            gated=row["gated"],
            allow_unsafe_files=bool(row["allow_unsafe_files"]),
            likes=row["likes"],
            trending=row["trending"],
            weights=json.loads(row["weights"]) if row["weights"] != "{}" else {},
            aliases=_list(row["aliases"]),
            trained_languages=_list(row["trained_languages"]),
        )
        for row in database.rows(f"SELECT {_COLUMNS} FROM artifacts WHERE id IN {id_list}")
    }
    return tuple(artifacts[each] for each in ids)


def _list(text: str) -> tuple[Any, ...]:
    """Return a list in JSON. Most are empty, and parsing takes ten times as long as comparing."""
    return tuple(json.loads(text)) if text != "[]" else ()


def read_revisions(
    database: Database,
    name: ArtifactName,
    artifact_id: int,
    *,
    only: str = "",
    among: Sequence[str] | None = None,
    with_files: bool = True,
) -> tuple[Revision, ...]:
    """Return all revisions of an artifact, newest first; or those `among` some ids, or `only` one; optionally without files."""
    files = defaultdict(list)
    values: dict[str, Any] = {"id": artifact_id, **({"only": only} if only else {})}
    within = "artifact_id = :id" + (" AND revisions.id = :only" if only else "")
    if among is not None:
        condition, more = database.in_list("revisions.id", among, "among")
        within, values = f"{within} AND {condition}", values | more
    if with_files:
        for row in database.rows(
            f"SELECT files.* FROM files JOIN revisions ON revisions.id = revision_id WHERE {within} ORDER BY path",
            values,
        ):
            files[row["revision_id"]].append(File(row["path"], Digest(row["digest"]), row["size_bytes"]))
    question = f"SELECT * FROM revisions {_WITH_SIGNATURE} WHERE {within} ORDER BY number DESC"
    return tuple(_revision(row, name, files[row["id"]]) for row in database.rows(question, values))


def find_pinned(database: Database, name: ArtifactName, revision: str) -> Revision | None:
    """Return a revision without its files by its id, or by the digits of it that Hugging Face clients know; None for any other name.

    It is one query, because clients request each file of a revision by this name.
    """
    if _PIN.fullmatch(revision) is None:
        return None
    rows = database.rows(
        "SELECT revisions.*, signatures.*, owner, artifacts.name, kind FROM revisions "
        # The sign keeps SQLite from reading all revisions of the artifact.
        f"JOIN artifacts ON artifacts.id = +artifact_id {_WITH_SIGNATURE} "
        "WHERE revisions.id >= :first AND revisions.id < :last AND key = :key",
        {"first": revision, "last": f"{revision}g", "key": name.key},  # `g` follows every hex digit.
    )
    return _revision(rows[0], name_of(rows[0])) if len(rows) == 1 else None


def read_files(database: Database, revision_ids: Sequence[str]) -> dict[str, tuple[File, ...]]:
    """Map revision ids to their files, sorted by path, with one query."""
    among, values = database.in_list("revision_id", revision_ids, "ids")
    files = defaultdict(list)
    for row in database.rows(f"SELECT * FROM files WHERE {among} ORDER BY revision_id, path", values):
        files[row["revision_id"]].append(File(row["path"], Digest(row["digest"]), row["size_bytes"]))
    return {each: tuple(found) for each, found in files.items()}


def visible_revisions(database: Database, name: ArtifactName, start: str) -> list[str]:
    """Return the ids that begin with `start`, of revisions of `name` and of public artifacts."""
    rows = database.rows(
        "SELECT revisions.id FROM revisions JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE revisions.id >= :start AND revisions.id < :end AND (key = :key OR NOT private)",
        {"start": start, "end": f"{start}g", "key": name.key},
    )
    return [row["id"] for row in rows]


def _revision(row: ResultRow, artifact: ArtifactName, files: Sequence[File] = ()) -> Revision:
    return Revision(
        id=row["id"],
        artifact=artifact,
        number=row["number"],
        created_at=known_time(row["created_at"]),
        message=row["message"],
        files=tuple(files),
        parent=row["parent"],
        yanked=bool(row["yanked"]),
        author=row["author"],
        signature=_signature(row) if row["revision_id"] else None,
    )


def _signature(row: ResultRow) -> Signature:
    fields = {name: row[name] for name in ("method", "signer", "account", "fingerprint", "reason")}
    return Signature(verified=bool(row["verified"]), **fields)


def _variant(row: ResultRow) -> Variant:
    conditioning = _conditioning(row["conditioning"])
    assert conditioning is not None, "the column is NOT NULL"
    names, digests = (str(row[key] or "").split(JOINT) for key in ("encoder", "encoder_digest"))
    pins = tuple(Pin(name=name, digest=digest) for name, digest in zip(names, digests, strict=True) if name)
    return Variant(
        base=Pin(name=row["base"], digest=row["base_digest"]),
        folder=row["folder"],
        method=row["method"],
        architecture=row["architecture"],
        conditioning=conditioning,
        encoder=pins[0] if pins else None,
        beside=pins[1:],
    )


def _conditioning(text: str | None) -> Conditioning | None:
    value = json.loads(text) if text else None
    return read_conditioning(value) if value else None
