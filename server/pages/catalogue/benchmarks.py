"""/benchmarks and /benchmarks/{benchmark}: what is measured, how, and who is best."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Path, Request
from starlette.responses import RedirectResponse, Response

from hub.catalogue.benchmark_facts import BenchmarkFacts, benchmark_page, list_benchmarks
from hub.errors import UnknownBenchmark
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.urls import Segment
from server.pages.catalogue.unknown import Listing, not_found
from server.pages.rendering import render
from server.site.translation import gettext_noop

LISTING = Listing(gettext_noop("All benchmarks"), "/benchmarks")
_GROUPS = {
    "pipeline": gettext_noop("Text to image"),
    "retriever": gettext_noop("Retrieval"),
    "encoder": gettext_noop("Encoders and costs"),
    "package": gettext_noop("From other packages"),
    "": gettext_noop("Only named in scores"),
}
"""Type of subject → heading, in this order."""


def show_benchmarks(request: Request, hub: Hub) -> Response:
    """Show all benchmarks by what they measure."""
    found = list_benchmarks(hub.registry, caller_of(request, hub).readers())
    groups = [(heading, [each for each in found if _group(each) == key]) for key, heading in _GROUPS.items()]
    return render("catalogue/benchmarks.html", {"groups": [each for each in groups if each[1]]}, request=request)


def _group(benchmark: BenchmarkFacts) -> str:
    return "package" if benchmark.package else benchmark.subject


def show_benchmark(
    request: Request, hub: Hub, benchmark: Annotated[Segment, Path(max_length=200, description="Benchmark.")]
) -> Response:
    """Show a benchmark: protocol, metrics, data, languages, best artifacts, and the command that runs it."""
    try:
        page = benchmark_page(hub.registry, benchmark, caller_of(request, hub).readers())
    except UnknownBenchmark as error:
        return not_found(request, error, LISTING)
    name = page.benchmark.name
    if quote(benchmark) != quote(name):
        return RedirectResponse(f"{LISTING.path}/{quote(name)}", 307)
    where = {"benchmark": name, "metric": page.headline, "provenance": page.provenance}
    context = {"page": page, "benchmark": page.benchmark, "leaderboard": f"/leaderboard?{urlencode(where)}"}
    return render("catalogue/benchmark.html", context, request=request)
