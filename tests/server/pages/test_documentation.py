"""The documentation at /docs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server import create_app
from server.pages import documentation
from server.pages.documentation import find_site
from tests.builders import ROOT

PAGE = "<!doctype html><script>one()</script><script id=x type=application/json>{}</script><p>Read me"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    for name, text in {
        "index.html": PAGE,
        "404.html": "the site's own",
        "use/search/index.html": PAGE.replace("one", "two"),
        "assets/a.css": "p {}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "secret.txt").write_text("hidden words")
    monkeypatch.setenv("HUB_DOCS", str(folder))
    return folder


@pytest.fixture
def reader(site: Path, hub: LocalHub) -> Iterator[TestClient]:
    with TestClient(create_app(hub, parts=()), follow_redirects=False) as client:
        yield client


def test_the_site_is_served_with_its_folders_as_addresses(reader: TestClient):
    assert reader.get("/docs").headers["Location"] == "/docs/"
    assert "Read me" in reader.get("/docs/").text
    assert reader.get("/docs/use/search").headers["Location"].endswith("/docs/use/search/")
    assert "two()" in reader.get("/docs/use/search/").text
    assert reader.get("/docs/assets/a.css").headers["Content-Type"].startswith("text/css")
    assert reader.head("/docs/").status_code == 200


def test_pages_link_to_the_documentation(reader: TestClient):
    assert '<a href="/docs">Docs</a>' in reader.get("/", headers={"Accept": "text/html"}).text


def test_the_policy_allows_the_inline_scripts_of_the_site_and_nothing_external(reader: TestClient):
    first = reader.get("/docs/")
    policy = first.headers["Content-Security-Policy"]
    for script in ("one()", "two()"):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert "unsafe" not in scripts[1]
    assert "http" not in policy
    again = reader.get("/docs/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["Content-Security-Policy"]) == (304, policy)


@pytest.mark.parametrize(
    "path",
    [
        "missing/",
        "404.html",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "use/../../secret.txt",
        "/etc/hostname",
    ],
)
def test_a_page_outside_the_site_is_a_404(reader: TestClient, path: str):
    response = reader.get(f"/docs/{path}")
    assert response.status_code == 404
    assert "hidden words" not in response.text


def test_a_link_that_leads_out_of_the_site_is_not_followed(reader: TestClient, site: Path):
    (site / "out.txt").symlink_to(site.parent / "secret.txt")
    assert reader.get("/docs/out.txt").status_code == 404


def test_without_a_site_there_is_neither_page_nor_link(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_DOCS", str(tmp_path / "nothing"))
    assert find_site() is None
    with TestClient(create_app(hub, parts=())) as client:
        assert client.get("/docs/").status_code == 404
        assert 'href="/docs' not in client.get("/", headers={"Accept": "text/html"}).text


def test_the_checkout_s_own_site_is_the_default(tmp_path, monkeypatch):
    assert documentation._CHECKOUT == ROOT
    monkeypatch.setattr(documentation, "_CHECKOUT", tmp_path)
    assert find_site({}) is None
    (tmp_path / "build" / "docs").mkdir(parents=True)
    (tmp_path / "build" / "docs" / "index.html").write_text("<p>Home")
    assert find_site({}) == tmp_path / "build" / "docs"
