"""Find a base by a name that its card does not have as its own: `sd 1.5`, or an upstream repository.

The names are in the cards: the artifact's name, its upstream repository, and `aliases`. Only the user's own and the curated bases have
other names, so that the card of a stranger cannot take the name of a repository.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from hub.registry.index.tags import CURATED_OWNER

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_BASES = 1000
"""Maximum number of bases whose names are compared."""
MAX_NAME = 200
"""Characters of the longest name that is compared: two parts of 96 and a slash, with room for spaces."""


@dataclass(frozen=True, slots=True)
class BaseNames:
    """A base with its other names."""

    name: str
    """`owner/name`."""
    others: tuple[str, ...]
    """Its upstream repository, and the aliases of its card."""

    @property
    def bare(self) -> tuple[str, ...]:
        """All its names without owners, in lower case, as modules name the base that they are made for."""
        return tuple(dict.fromkeys(each.rpartition("/")[2].lower() for each in (self.name, *self.others)))

    def is_called(self, squeezed: str) -> bool:
        """Return whether one of its names is `squeezed`. A name with an owner needs both parts, one without only the second."""
        names = (self.name, *self.others)
        return squeezed in {squeeze(each if "/" in squeezed else each.rpartition("/")[2]) for each in names}


@lru_cache(maxsize=4096)
def squeeze(name: str) -> str:
    """Return a name in lower case without spaces, hyphens, dots and accents: `SD 1.5` and `sd-1.5` are `sd15`."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(each for each in plain if each.isalnum() or each == "/")


def known_bases(database: Database, owner: str) -> list[BaseNames]:
    """Return the public bases of `owner`, then the curated ones, with their names."""
    rows = database.rows(
        "SELECT owner, name, aliases, upstream FROM artifacts WHERE kind = 'base' AND owner IN (:owner, :curated) AND NOT private "
        "ORDER BY CASE WHEN owner = :owner THEN 0 ELSE 1 END, key LIMIT :limit",
        {"owner": owner, "curated": CURATED_OWNER, "limit": MAX_BASES},
    )
    return [_base_names(*row) for row in rows]


@lru_cache(maxsize=2 * MAX_BASES)
def _base_names(owner: str, name: str, aliases: str, upstream: str) -> BaseNames:
    """Return the names in a row. A search asks for those of all bases several times."""
    return BaseNames(
        f"{owner}/{name}", (*(each["repository"] for each in json.loads(upstream)[:1]), *json.loads(aliases))
    )


def find_base_names(database: Database, name: str, owner: str) -> BaseNames | None:
    """Return the base with the name or alias `name`; None if there is none. A card's own name comes before other cards' aliases."""
    squeezed = squeeze(name) if len(name) <= MAX_NAME else ""
    if not squeezed:
        return None
    known = known_bases(database, owner)
    own = (each for each in known if BaseNames(each.name, ()).is_called(squeezed))
    return next(own, None) or next((each for each in known if each.is_called(squeezed)), None)
