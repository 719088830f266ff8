"""/datasets: the data sets of the registry, with some images of those that can be browsed."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.catalogue.dataset_facts import DatasetFacts, list_datasets
from hub.catalogue.named_images import open_tables
from hub.local import LocalHub
from hub.registry.artifacts.access_requests import may_download
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.urls import image_path
from server.pages.rendering import render

SAMPLES = 16
"""Images of a data set in the list."""


def show_datasets(request: Request, hub: Hub) -> Response:
    """Show all data sets, the most downloaded first."""
    found, total = list_datasets(hub.registry, caller_of(request, hub).readers())
    context = {"datasets": [(each, _samples(request, hub, each)) for each in found], "total": total}
    return render("catalogue/datasets.html", context, request=request)


def _samples(request: Request, hub: LocalHub, dataset: DatasetFacts) -> list[str]:
    """Return the paths of some images; none if the data set cannot be browsed, or not by this caller."""
    if not dataset.browsable:
        return []
    artifact = hub.registry.get(dataset.artifact)
    if not may_download(hub.registry.database, caller_of(request, hub), artifact):
        return []
    tables = open_tables(hub.registry, hub.store, hub.home.caches, artifact)
    return [image_path(artifact, each) for each in tables.sample(SAMPLES)]
