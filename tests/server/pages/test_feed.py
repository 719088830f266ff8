"""The Atom feed of a search."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def read(client: TestClient, address: str) -> ET.Element:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    return ET.fromstring(answer.text)


def test_a_feed_lists_the_artifacts_of_a_language_with_the_newest_first(client: TestClient):
    feed = read(client, "/feed.atom?lang=Yoruba&owner=ada")
    assert feed.findtext("a:title", namespaces=ATOM) == "linguahub: Yoruba, ada"
    entries = feed.findall("a:entry", ATOM)
    listed = {each.findtext("a:title", namespaces=ATOM) for each in entries}
    found = client.get("/api/v1/search?lang=yo&owner=ada").json()
    assert listed == {f"{each['owner']}/{each['name']}" for each in found["items"]}
    times = [datetime.fromisoformat(each.findtext("a:updated", "", ATOM)) for each in entries]
    assert times == sorted(times, reverse=True)
    assert feed.findtext("a:updated", "", ATOM) == entries[0].findtext("a:updated", "", ATOM)


def test_every_entry_has_the_elements_of_the_standard_and_a_working_link(client: TestClient):
    for entry in read(client, "/feed.atom?owner=ada").findall("a:entry", ATOM):
        assert all(entry.findtext(f"a:{name}", "", ATOM) for name in ("id", "title", "updated", "author/a:name"))
        link = entry.find("a:link", ATOM)
        assert link is not None
        assert client.get(link.attrib["href"], headers={"Accept": "text/html"}).status_code == 200


@pytest.mark.parametrize(("query", "status"), [("lang=zzzzz", 404), ("unknown=1", 400), ("limit=0", 400)])
def test_a_wrong_search_is_refused(client: TestClient, query: str, status: int):
    assert client.get(f"/feed.atom?{query}").status_code == status
