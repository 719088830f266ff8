"""Finding artifacts: facets in indexed columns, words in FTS5, best measured score first.

Words are looked up first and cut off at CANDIDATES before anything is ranked: ranking every match of a common word
takes a second in a registry of a million (measured), finding the first few thousand takes a millisecond.
"""

# ruff: noqa: S608 - only names of columns and bound parameters, and whole numbers, are put into SQL here.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import WrongRequest
from hub.languages import MULTILINGUAL, covers
from hub.records import Page, Query
from hub.registry.rows import counts, read_artifacts
from hub.registry.standing import FOREIGN_LANGUAGE, UNMEASURED

if TYPE_CHECKING:
    from hub.registry.database import Database

CANDIDATES = 5000
"""Most artifacts that a text search looks at."""
LONGEST_PAGE = 1000
_ORDERS = {
    "updated": "artifacts.updated_at DESC, key",
    "downloads": "artifacts.downloads DESC, key",
    "name": "artifacts.bare_key, key",
}
SORTS = ("score", *_ORDERS)
_FACETS = {
    "kind": "SELECT kind, count(*) FROM artifacts {} GROUP BY kind",
    "method": "SELECT method, count(*) FROM artifacts {} GROUP BY method",
    "license": "SELECT license, count(*) FROM artifacts {} GROUP BY license",
    "language": "SELECT tag, count(*) FROM (SELECT tag, artifact_id AS id FROM artifact_languages) {} GROUP BY tag",
    "base": "SELECT base, count(*) FROM (SELECT base, artifact_id AS id FROM artifact_bases) {} GROUP BY base",
}


def find(database: Database, query: Query) -> Page:
    """Artifacts that fit `query`, how many there are, and how they spread over facets."""
    if query.sort not in SORTS:
        raise WrongRequest(f"cannot sort by `{query.sort}`: choose one of {', '.join(SORTS)}.")
    if not 0 <= query.limit <= LONGEST_PAGE or query.offset < 0:
        raise WrongRequest(
            f"a page has 0 to {LONGEST_PAGE} artifacts from 0 on, not {query.limit} from {query.offset} on."
        )
    with database.snapshot():
        tags = _covering(database, query.language)
        condition, values = _condition(query, tags)
        if hidden := _hidden(database, query, values):
            condition = f"{condition} AND {hidden}" if condition else hidden
        within = "id IN chosen" if condition else "1"
        if condition:  # Decided once, for the page, the total and five facets; gone with the snapshot.
            database.rows(f"CREATE TEMP TABLE chosen AS SELECT id FROM artifacts WHERE {condition}", values)
        ids = database.rows(
            f"SELECT id FROM artifacts WHERE {within} ORDER BY {_order(query, tags)} LIMIT :limit OFFSET :offset",
            {**values, "limit": query.limit, "offset": query.offset},
        )
        total = database.rows(f"SELECT count(*) FROM {'chosen' if condition else 'artifacts'}")[0][0]
        return Page(read_artifacts(database, [row["id"] for row in ids]), total, _facets(database, within))


def _hidden(database: Database, query: Query, values: dict[str, Any]) -> str:
    """SQL that leaves out what `query.readers` may not know of; empty where nothing has to be left out."""
    if query.readers is None or not database.rows("SELECT 1 FROM artifacts WHERE private LIMIT 1"):
        return ""
    values |= {f"reader_{number}": owner for number, owner in enumerate(query.readers)}
    owners = ", ".join(f":reader_{number}" for number in range(len(query.readers)))
    return f"(NOT private OR lower(owner) IN ({owners}))" if owners else "NOT private"


def _facets(database: Database, within: str) -> dict[str, dict[str, int]]:
    questions = {name: question.format(f"WHERE {within}") for name, question in _FACETS.items()}
    return {name: counts(database.rows(f"{question} ORDER BY 2 DESC, 1")) for name, question in questions.items()}


def _covering(database: Database, language: str) -> list[str]:
    """The tags in the registry that serve a reader of `language`. Multilingual artifacts serve everybody."""
    if not language:
        return []
    present = [tag for (tag,) in database.rows("SELECT DISTINCT tag FROM artifact_languages")]
    return [tag for tag in present if tag == MULTILINGUAL or covers(tag, language)] or [language]


def _condition(query: Query, tags: list[str]) -> tuple[str, dict[str, Any]]:
    """SQL that an artifact must satisfy, empty when any will do, and its values."""
    conditions, values = list[str](), dict[str, Any]()
    for column in ("kind", "method", "license", "owner"):
        if wanted := getattr(query, column):
            conditions.append(f"{column} = :{column} COLLATE NOCASE")
            values[column] = wanted
    if query.base:
        conditions.append("id IN (SELECT artifact_id FROM artifact_bases WHERE base_key = :base)")
        values["base"] = query.base.rpartition("/")[2].lower()
    if tags:
        values |= {f"tag_{number}": tag for number, tag in enumerate(tags)}
        conditions.append(f"id IN (SELECT artifact_id FROM artifact_languages WHERE tag IN ({_names(tags)}))")
    if words := query.text.replace("\0", " ").split():
        conditions.append(f"id IN (SELECT rowid FROM artifact_text WHERE artifact_text MATCH :text LIMIT {CANDIDATES})")
        values["text"] = " ".join(f'"{word.replace(chr(34), chr(34) * 2)}"*' for word in words)
    return " AND ".join(conditions), values


def _order(query: Query, tags: list[str]) -> str:
    if query.sort != "score":
        return _ORDERS[query.sort]
    if not tags:
        return "artifacts.standing, artifacts.downloads DESC, key"
    own = f"standing + CASE WHEN language IN ({_names(tags)}) OR standing >= {UNMEASURED} THEN 0 ELSE {FOREIGN_LANGUAGE} END"
    best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id"
    return f"coalesce(({best}), {UNMEASURED}), artifacts.downloads DESC, key"


def _names(tags: list[str]) -> str:
    return ", ".join(f":tag_{number}" for number in range(len(tags)))
