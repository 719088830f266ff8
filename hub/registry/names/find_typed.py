"""Find what people type: the search of the command line, the API and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hub.records import Page, Query
from hub.registry.names.no_results import correct, count_without
from hub.registry.names.stand_ins import find_stand_ins
from hub.registry.names.typed_text import read_vocabulary, understand
from hub.registry.search.search import CANDIDATES, find

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def find_typed(
    database: Database, query: Query, owner: str, base_names: Sequence[str], candidates: int = CANDIDATES
) -> Page:
    """Return a page of the artifacts that match the interpretation of the text of `query`, or else its words.

    `base_names`: the names of `query.base`. The first page has the stand-ins of a name such as `mulan-fr`. A page
    without results suggests changes. `candidates`: see `find`. Raises InvalidRequest.
    """
    if not query.text.strip():
        page = find(database, query, candidates, base_names=base_names)
    else:
        reading, meaning = understand(query.text, read_vocabulary(database, owner), query.language)
        page = find(database, query, candidates, base_names=base_names, reading=reading)
        if not page.total and meaning is not None:
            page = find(database, query, candidates, base_names=base_names)
            meaning = None if page.total else meaning
        page = replace(page, meaning=meaning)
    if query.offset or query.after:
        return page
    if "-" in query.text:
        page = replace(page, stand_ins=find_stand_ins(database, query.text.strip(), owner, base_names, query.readers))
    return page


def explain_no_results(database: Database, query: Query, page: Page, owner: str, base_names: Sequence[str]) -> Page:
    """Return a page without results together with a correction of the text and the criteria to leave out."""

    def ask(other: Query) -> Page:
        return find_typed(database, other, owner, base_names if other.base else ())

    def has_matches(other: Query) -> bool:
        return bool(find_typed(database, other, owner, (), candidates=1).total)

    correction = correct(database, query, owner, has_matches) if query.text.strip() else ""
    return replace(page, correction=correction, without=count_without(query, ask))
