"""A server below a path: no link, redirect, URL or cookie leads outside of it."""

from __future__ import annotations

import re
from collections import deque
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from huggingface_hub import HfApi, snapshot_download
from starlette.testclient import TestClient

from hub.errors import InvalidRequest
from hub.local import LocalHub
from server import create_app
from server.site.root_path import configured_root_path, parse_root_path
from server.site.static_files import FOLDER
from tests.builders.server.every_page import administrator, page_addresses, people
from tests.builders.server.people import PASSWORD, hub, token_of
from tests.builders.serving import served

__all__ = ["administrator", "hub", "people", "token_of"]

HOST = "http://hub.example"
HTML = {"Accept": "text/html"}
MAX_PAGES = 150
_LINKS = {"href", "src", "action", "formaction", "poster", "data", "srcset"}


class Links(HTMLParser):
    """Collects the values of attributes that browsers follow."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in _LINKS and value]


@pytest.fixture(scope="module")
def below(published: LocalHub):
    with TestClient(create_app(published, rates=None, root_path="/hub"), HOST, follow_redirects=False) as client:
        yield client


def test_no_page_links_outside_of_the_path_and_no_link_is_broken(below: TestClient):
    waiting, seen = deque(["/hub/"]), set[str]()
    while waiting and len(seen) < MAX_PAGES:
        address = waiting.popleft()
        response = below.get(address, headers=HTML)
        assert response.status_code in {200, 303, 307}, f"{address} is {response.status_code}"
        links = [response.headers["location"]] if "location" in response.headers else []
        if response.headers.get("content-type", "").startswith("text/html"):
            links += Links(response.text).found
        for link in links:
            target = urlsplit(urljoin(HOST + address, urldefrag(link).url))
            if target.netloc != urlsplit(HOST).netloc:
                continue
            assert target.path.startswith("/hub/"), f"{address} links to {link}"
            assert not target.path.startswith("/hub/hub/"), f"{address} links to {link}"
            # One address of each page is enough: those of a search differ in their parameters.
            if target.path not in seen and "/resolve/" not in target.path:
                seen.add(target.path)
                waiting.append(target.path)
    assert len(seen) > 50
    assert {"/hub/leaderboard", "/hub/languages", "/hub/ada/first-yo"} <= seen


def links_outside(address: str, page: str) -> list[str]:
    """Return the links of a page that lead to this server, but not below the path."""
    targets = [(link, urlsplit(urljoin(HOST + address, link))) for link in Links(page).found]
    return [
        link
        for link, target in targets
        if target.netloc == urlsplit(HOST).netloc and not re.match(r"/hub/(?!hub/)", target.path)
    ]


def test_no_page_of_any_route_links_outside_of_the_path(people: LocalHub, administrator: str):
    with TestClient(create_app(people, rates=None, root_path="/hub"), HOST, follow_redirects=False) as client:
        pages = 0
        for address, visitor in page_addresses():
            client.cookies = {"linguahub": administrator} if visitor == "administrator" else {}
            response = client.get(f"/hub{address}", headers=HTML)
            assert response.headers.get("location", "/hub/").startswith("/hub/"), address
            assert links_outside(f"/hub{address}", response.text) == [], address
            pages += response.status_code == 200
    assert pages > 20


def test_links_in_cards_and_absolute_urls_have_the_prefix(below: TestClient):
    page = below.get("/hub/ada/first-yo", headers=HTML).text
    assert 'src="/hub/ada/first-yo/resolve/' in page, "the card's image"
    assert f"{HOST}/hub" in page, "HF_ENDPOINT of the snippet"
    assert f'content="{HOST}/hub/ada/first-yo"' in page
    assert '<html data-root="/hub" ' in page
    assert f'href="{HOST}/hub/ada/' in below.get("/hub/feed.atom?owner=ada").text
    following = below.get("/hub/api/models?limit=1").headers["link"]
    assert following.startswith(f"<{HOST}/hub/api/models?")
    assert below.get("/hub/api/v1/openapi.json").json()["servers"] == [{"url": "/hub"}]


def test_other_paths_are_not_served_and_the_path_itself_redirects(below: TestClient):
    assert below.get("/").status_code == 404
    assert below.get("/hubs/leaderboard").status_code == 404
    assert below.get("/%68ub/leaderboard").status_code == 404
    assert below.get("/hub").headers["location"] == "/hub/"
    assert unquote(below.get("/hub/leaderboard/").headers["location"]) == f"{HOST}/hub/leaderboard"


def test_an_error_page_links_below_the_path(below: TestClient):
    response = below.get("/hub/ada/none", headers=HTML)
    assert response.status_code == 404
    assert 'href="/hub/"' in response.text


@pytest.mark.parametrize(("scheme", "name"), [("http", "linguahub"), ("https", "__Secure-linguahub")])
def test_a_login_stays_below_the_path(hub, scheme: str, name: str):
    with TestClient(create_app(hub, root_path="/a/hub"), f"{scheme}://hub.example", follow_redirects=False) as client:
        asked = client.get("/a/hub/settings")
        assert asked.headers["location"] == "/a/hub/login?next=%2Fsettings"
        page = client.get(asked.headers["location"])
        csrf_token = page.text.partition('name="form" value="')[2].partition('"')[0]
        fields = {"form": csrf_token, "name": "ada", "password": PASSWORD, "next": "/settings"}
        done = client.post("/a/hub/login", data=fields, headers={"Origin": f"{scheme}://hub.example"})
        assert (done.status_code, done.headers["location"]) == (303, "/a/hub/settings")
        [cookie] = [each for each in done.headers.get_list("set-cookie") if each.startswith(f"{name}=")]
        assert "Path=/a/hub" in cookie
        assert client.get("/a/hub/settings").status_code == 200


def test_unmodified_clients_upload_and_download_below_the_path(hub, token_of, tmp_path: Path):
    weights = bytes(range(256)) * 8192
    with served(create_app(hub, rates=None, root_path="/hub"), force=True) as running:
        api = HfApi(endpoint=f"{running.address}/hub", token=token_of("ada"))
        assert api.create_repo("ada/module").endpoint == api.endpoint
        made = api.upload_file(path_or_fileobj=weights, path_in_repo="weights.bin", repo_id="ada/module")
        assert made.commit_url.startswith(f"{api.endpoint}/ada/module/commit/")
        found = snapshot_download("ada/module", endpoint=api.endpoint, cache_dir=tmp_path / "cache")
        assert Path(found, "weights.bin").read_bytes() == weights


def test_scripts_request_no_path_without_the_prefix():
    """Paths in scripts begin with `root`, or are passed to the functions of `calls.js`, which add it."""
    unprefixed = re.compile(
        r"(?<![\w.])(?:fetch|assign|Worker|EventSource|replaceState|pushState|open)\([^()`'\"]*[`'\"]/"
        r"|\.(?:href|src|action) = [`'\"]/|(?:href|src): [`'\"]/"
    )
    scripts = [each for each in FOLDER.rglob("*.js") if "noble-hashes" not in each.parts]
    assert len(scripts) > 3
    found = [f"{each.name}: {match[0]}" for each in scripts for match in unprefixed.finditer(each.read_text("utf-8"))]
    assert found == []
    assert unprefixed.search('await fetch("/publish")') and unprefixed.search("link.href = `/${name}`")


@pytest.mark.parametrize(("text", "path"), [("", ""), ("/", ""), ("/hub", "/hub"), ("/a/hub/", "/a/hub")])
def test_the_path_is_read_from_the_environment(text: str, path: str):
    assert configured_root_path({"HUB_ROOT_PATH": text}) == path


@pytest.mark.parametrize("text", ["hub", "//hub", "/a//b", "/..", "/a b", "/é", '/"', "https://example.org/hub"])
def test_invalid_paths_are_refused(text: str):
    with pytest.raises(InvalidRequest, match="not a root path"):
        parse_root_path(text)
