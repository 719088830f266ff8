"""Common parts of every page: navigation, static files under hashed names, compression, previews of links."""

from __future__ import annotations

import gzip
import re

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from server.site import static_files
from server.site.compression import Compression
from server.site.navigation import available, section_of
from tests.builders.server.published import client, endpoint, hub

__all__ = ["client", "endpoint", "hub"]


@pytest.fixture
def page(client: TestClient) -> str:
    return client.get("/", headers={"Accept": "text/html"}).text


def test_every_entry_of_the_navigation_leads_to_a_page(client: TestClient, page: str):
    bar = re.search(r'<nav class="site".*?</nav>', page)
    assert bar is not None
    addresses = re.findall(r'href="([^"]*)"', bar[0])
    assert addresses
    for address in addresses:
        assert client.get(address, headers={"Accept": "text/html"}, follow_redirects=True).status_code == 200, address


def test_an_entry_appears_once_its_page_exists():
    assert ("Try it", "/try") not in available([])
    routes = [Route("/try", PlainTextResponse("")), Route("/bases", PlainTextResponse(""))]
    found = dict(available(routes))
    assert found["Try it"] == "/try"
    assert found["Bases"] == "/bases"
    assert found["Data sets"] == "/?kind=dataset"


@pytest.mark.parametrize(
    ("path", "kind", "section"),
    [
        ("/", "", ""),
        ("/", "base", "Bases"),
        ("/", "adapter,encoder", "Modules"),
        ("/", "adapter,base", ""),
        ("/ada/first-yo", "adapter", "Modules"),
        ("/languages/yo", "", "Languages"),
        ("/login", "", ""),
        ("/languages-of-mine", "", ""),
    ],
)
def test_a_page_highlights_its_entry(path: str, kind: str, section: str):
    assert section_of(path, kind) == section


def test_the_entry_for_modules_lists_modules_only(client: TestClient, page: str):
    address = dict(available([Route("/", PlainTextResponse(""))]))["Modules"]
    assert f'href="{address}"' in page
    modules = client.get(address, headers={"Accept": "text/html"}).text
    assert '<span class="kind base">' not in modules
    assert 'aria-current="page">Modules<' in modules
    assert 'aria-current="page"' not in page


def test_static_files_are_kept_by_browsers_until_they_change(client: TestClient, page: str, tmp_path, monkeypatch):
    (linked,) = re.findall(r'href="(/static/hub\.[0-9a-f]{12}\.css)"', page)
    kept = client.get(linked)
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = client.get("/static/hub.css")
    assert plain.headers["Cache-Control"] == "no-cache"
    assert kept.content == plain.content
    outdated = client.get("/static/hub.000000000000.css")
    assert (outdated.content, outdated.headers["Cache-Control"]) == (plain.content, "no-cache")
    assert client.get("/static/absent.000000000000.css").status_code == 404
    (tmp_path / "a.css").write_text("p {}")
    monkeypatch.setattr(static_files, "FOLDER", tmp_path)
    before = static_files.static_path("a.css")
    (tmp_path / "a.css").write_text("p { margin: 0 }")
    assert static_files.static_path("a.css") != before


def test_pages_and_style_sheets_are_compressed(client: TestClient):
    for path in ("/", "/static/hub.css", "/api/v1/languages"):
        with client.stream("GET", path, headers={"Accept": "text/html", "Accept-Encoding": "gzip"}) as response:
            packed = b"".join(response.iter_raw())
        assert response.headers["Content-Encoding"] == "gzip", path
        assert "Accept-Encoding" in response.headers["Vary"]
        plain = client.get(path, headers={"Accept": "text/html", "Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(packed) == plain.content
        assert len(packed) < len(plain.content) / 2
        head = client.head(path, headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in head.headers


def test_files_of_artifacts_and_secrets_are_not_compressed(client: TestClient):
    path = "/ada/first-yo/resolve/main/README.md"
    assert "Content-Encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers
    login = client.get("/login", headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
    assert len(login.content) > 1000
    assert "Content-Encoding" not in login.headers


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("deflate,gzip", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, br", False),
        ("br", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_compression_follows_the_encodings_that_the_client_accepts(accepted: str, is_compressed: bool):
    app = Compression(Starlette(routes=[Route("/", PlainTextResponse("word " * 1000))]))
    response = TestClient(app).get("/", headers={"Accept-Encoding": accepted})
    assert (response.headers.get("Content-Encoding") == "gzip") is is_compressed
    assert response.text == "word " * 1000


def test_an_unchanged_style_sheet_is_not_sent_again(client: TestClient):
    tag = client.get("/static/hub.css", headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    assert tag.startswith("W/")
    assert client.get("/static/hub.css", headers={"If-None-Match": tag}).status_code == 304


def test_previews_of_links_show_title_summary_and_an_image(client: TestClient):
    page = client.get("/ada/first-yo", headers={"Accept": "text/html"}).text
    properties = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', page))
    assert properties["title"].startswith("ada/first-yo")
    assert properties["description"]
    assert properties["url"] == "http://testserver/ada/first-yo"
    image = client.get(properties["image"].removeprefix("http://testserver"))
    assert image.headers["Content-Type"] == "image/png"


def test_robots_and_browsers_get_the_files_that_they_ask_for(client: TestClient):
    robots = client.get("/robots.txt")
    assert "Disallow: /settings" in robots.text
    assert client.get("/favicon.ico").headers["Content-Type"] == "image/svg+xml"
