"""Facts about languages: their artifacts, and the best parity on any base."""

from __future__ import annotations

from dataclasses import dataclass

from hub.advice.parity_report import parity_overview
from hub.catalogue.regions import region_of
from hub.languages import MULTILINGUAL, script_of
from hub.records import Query
from hub.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageFacts:
    """A language in a list."""

    tag: str
    artifacts: int
    parity: float | None
    """The best parity on any base: the share of the base's English score; None if it was not measured."""
    script: str
    """ISO 15924 code; empty for `mul`."""
    region: str
    """M49 code of the region where it is mainly read; empty for `mul`, and for languages without a region, such as Esperanto."""


def list_languages(registry: Registry, readers: tuple[str, ...] | None) -> tuple[LanguageFacts, ...]:
    """Return the languages that artifacts or scores have, those with the most artifacts first."""
    counts = registry.find(Query(limit=0, readers=readers)).facets["language"]
    best: dict[str, float] = {}
    for _, parities in parity_overview(registry, readers=readers):
        for entry in parities.entries:
            best[entry.language] = max(best.get(entry.language, 0.0), entry.value)
    return tuple(
        LanguageFacts(
            tag=tag, artifacts=counts.get(tag, 0), parity=best.get(tag), script="" if tag == MULTILINGUAL else script_of(tag),
            region="" if tag == MULTILINGUAL else region_of(tag),
        )
        for tag in sorted({*counts, *best}, key=lambda tag: (-counts.get(tag, 0), tag))
    )  # fmt: skip
