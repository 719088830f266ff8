"""List the data sets of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.catalogue.named_images import is_browsable
from hub.records import DATASET, Artifact, Query
from hub.registry import Registry

MAX_DATASETS = 100
"""Data sets of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """A data set in a list."""

    name: str
    owner: str
    artifact: str
    """`datasets/owner/name`, which is also the path of its page."""
    summary: str
    license: str
    languages: tuple[str, ...]
    tags: tuple[str, ...]
    size_bytes: int
    downloads: int
    updated_at: datetime | None
    browsable: bool
    """Whether its images can be looked at with their names, at the path `/viewer` below its own."""


def list_datasets(registry: Registry, readers: tuple[str, ...] | None) -> tuple[tuple[DatasetFacts, ...], int]:
    """Return the data sets that `readers` can see, the most downloaded first, at most MAX_DATASETS, and the number of all."""
    page = registry.find(Query(kind=DATASET, sort="downloads", limit=MAX_DATASETS, readers=readers, scores="best"))
    return tuple(_facts(registry, each) for each in page.items), page.total


def _facts(registry: Registry, dataset: Artifact) -> DatasetFacts:
    return DatasetFacts(
        name=dataset.name.name, owner=dataset.name.owner, artifact=str(dataset.name), summary=dataset.summary, license=dataset.license,
        languages=dataset.languages, tags=dataset.tags, size_bytes=dataset.size_bytes, downloads=dataset.downloads,
        updated_at=dataset.updated_at, browsable=is_browsable(registry, dataset),
    )  # fmt: skip
