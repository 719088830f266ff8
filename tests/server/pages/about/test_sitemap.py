"""/sitemap.xml: search engines find every public page, in files of a limited size."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.registry.artifacts.repositories import change_settings
from hub.registry.search import public_names
from server import create_app
from tests.builders.artifacts import a_card, a_folder
from tests.builders.server.people import ROOT, hub

__all__ = ["hub"]
NAMES = {"sitemap": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture
def client(hub: LocalHub, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Yield a client of a server with three public artifacts and a private one, and sitemaps of two."""
    from hub.publish.publish import publish

    monkeypatch.setattr(public_names, "PART", 2)
    for name in ("one", "two", "secret", "three"):
        folder = a_folder(tmp_path / name, a_card(encoder="", scores=()))
        publish(folder, ArtifactName("ada", name), hub.registry, hub.store, message="Publish")
    change_settings(hub.registry.database, ArtifactName("ada", "secret"), ROOT, private=True)
    with TestClient(create_app(hub, parts=()), "https://hub.example") as client:
        yield client


def addresses(text: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(text).iterfind(".//sitemap:loc", NAMES)]


def test_robots_find_every_public_page_and_no_private_one(client: TestClient):
    (index,) = re.findall(r"^Sitemap: (\S+)$", client.get("/robots.txt").text, re.MULTILINE)
    assert index == "https://hub.example/sitemap.xml"
    parts = addresses(client.get(index).text)
    assert len(parts) == 3
    found = [address for part in parts for address in addresses(client.get(part).text)]
    assert len(found) == len(set(found))
    artifacts = {each.removeprefix("https://hub.example/ada/") for each in found if "/ada/" in each}
    assert artifacts == {"one", "two", "three"}
    assert {"https://hub.example/", "https://hub.example/languages", "https://hub.example/languages/yo"} <= set(found)
    for address in found:
        assert client.get(address, headers={"Accept": "text/html"}).status_code == 200, address


def test_entries_have_the_time_of_their_last_change(client: TestClient):
    assert re.search(
        r"<loc>https://hub.example/ada/one</loc><lastmod>\d{4}-\d\d-\d\d</lastmod>", client.get("/sitemap-1.xml").text
    )


@pytest.mark.parametrize("part", ["0", "9", "-1", "x", "1e3", "99999999999999999999", "²"])
def test_other_sitemaps_do_not_exist(client: TestClient, part: str):
    response = client.get(f"/sitemap-{part}.xml")
    assert response.status_code == 404


def test_a_server_without_artifacts_has_its_pages_alone(hub: LocalHub):
    with TestClient(create_app(hub, parts=())) as client:
        assert addresses(client.get("/sitemap.xml").text) == ["http://testserver/sitemap-pages.xml"]


def test_the_largest_sitemap_stays_within_the_limits_of_search_engines():
    assert public_names.PART <= 50_000
