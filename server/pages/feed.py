"""GET /feed.atom: the newest artifacts of any search as an Atom feed (RFC 4287), such as `/feed.atom?lang=yo`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from fastapi import Request
from starlette.responses import Response

from hub.languages import language_name
from hub.records import Artifact, Query
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.search_parameters import read_query
from server.http.times import rfc3339_or_epoch
from server.http.urls import absolute, page_path

MEDIA_TYPE = "application/atom+xml; charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
_EPOCH = datetime.fromtimestamp(0, UTC)
_CONTROL = dict.fromkeys([*range(0x20), 0x7F, 0xFFFE, 0xFFFF], " ")
"""Characters that XML 1.0 does not allow, or that a title does not need."""


def show_feed(request: Request, hub: Hub) -> Response:
    """Return the artifacts that match the search parameters of `/`, the newest first.

    Raises UnknownLanguage, and InvalidRequest for unknown parameters and invalid values.
    """
    query = replace(read_query(request.query_params, caller_of(request, hub).readers(), scores="best"), sort="updated")
    page = hub.registry.find(query)
    newest = max((each.updated_at for each in page.items if each.updated_at), default=_EPOCH)
    feed = ET.Element("feed", xmlns=_ATOM)
    here = absolute(request, request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    _add(feed, "title", _title(query))
    _add(feed, "id", here)
    _add(feed, "updated", rfc3339_or_epoch(newest))
    _link(feed, "self", here)
    _link(feed, "alternate", absolute(request, "/") + (f"?{request.url.query}" if request.url.query else ""))
    for artifact in page.items:
        _entry(feed, artifact, absolute(request, page_path(artifact)))
    text = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return Response(text, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-cache", "Vary": "Cookie"})


def _title(query: Query) -> str:
    """Return the title of the feed: `linguahub: Yoruba, sdxl`."""
    words = [language_name(query.language)] if query.language else []
    words += [each for each in (query.text, query.base, query.method, query.kind, query.owner, query.license) if each]
    return f"linguahub: {', '.join(words)}" if words else "linguahub"


def _entry(feed: ET.Element, artifact: Artifact, address: str) -> None:
    entry = ET.SubElement(feed, "entry")
    _add(entry, "title", str(artifact.name))
    _add(entry, "id", address)
    _add(entry, "updated", rfc3339_or_epoch(artifact.updated_at))
    if artifact.created_at:
        _add(entry, "published", rfc3339_or_epoch(artifact.created_at))
    _add(ET.SubElement(entry, "author"), "name", artifact.name.owner)
    _link(entry, "alternate", address)
    _add(entry, "summary", artifact.summary)
    for tag in artifact.languages:
        ET.SubElement(entry, "category", term=tag, label=language_name(tag))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text.translate(_CONTROL)


def _link(parent: ET.Element, relation: str, address: str) -> None:
    ET.SubElement(parent, "link", rel=relation, href=address)
