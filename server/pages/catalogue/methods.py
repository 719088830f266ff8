"""/methods and /methods/{method}: how modules are trained, at what cost, and what they reach."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from starlette.responses import RedirectResponse, Response

from hub.advice.tables import PRICE_PER_HOUR
from hub.catalogue.method_facts import list_methods, method_page
from hub.errors import UnknownMethod
from hub.names import LENGTH
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.urls import Segment
from server.pages.catalogue.diagram import in_words, tall, wide
from server.pages.catalogue.unknown import Listing, not_found
from server.pages.rendering import render
from server.site.translation import gettext_noop

LISTING = Listing(gettext_noop("All methods"), "/methods")


def show_methods(request: Request, hub: Hub) -> Response:
    """Show the methods of `hub train`, those for image generation first, and the methods that only artifacts name."""
    methods = list_methods(hub.registry, caller_of(request, hub).readers())
    evidence = next((each.evidence for each in methods if each.evidence), None)
    context = {
        "drawing": [each for each in methods if each.trains and each.draws is not False],
        "retrieving": [each for each in methods if each.trains and each.draws is False],
        "others": [each for each in methods if not each.trains],
        "evidence": evidence,
    }
    return render("catalogue/methods.html", context, request=request)


def show_method(
    request: Request, hub: Hub, method: Annotated[Segment, Path(max_length=LENGTH, description="Training method.")]
) -> Response:
    """Show a method: diagram, losses, data, costs, and the artifacts trained with it."""
    try:
        page = method_page(hub.registry, hub.store, method, caller_of(request, hub).readers())
    except UnknownMethod as error:
        return not_found(request, error, LISTING)
    path = f"{LISTING.path}/{quote(page.method.name)}"
    if quote(method) != quote(page.method.name):
        return RedirectResponse(path, 307)
    context = {
        "page": page, "method": page.method, "diagrams": (("wide", wide(page)), ("tall", tall(page))) if page.chain else (),
        "in_words": in_words(page) if page.chain else "", "price": PRICE_PER_HOUR,
    }  # fmt: skip
    return render("catalogue/method.html", context, request=request)
