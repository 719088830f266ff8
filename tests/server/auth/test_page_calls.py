"""Scripts of our own pages upload with the session and the CSRF token of their page; other sites and other calls cannot."""

from __future__ import annotations

import hashlib

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from server.auth.csrf_forms import CSRF_HEADER

NEW = {"name": "module", "type": "model"}
CONTENT = b"weights" * 9
OID = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def page(browser, hub):
    """Return ada's browser, in which she is logged in, and the headers of a call from a page."""
    browser.enter(hub)
    csrf_token = browser.csrf_token("/settings")
    return browser.client, {CSRF_HEADER: csrf_token, "sec-fetch-site": "same-origin"}


def plan(client, headers):
    body = {"operation": "upload", "objects": [{"oid": OID, "size": len(CONTENT)}]}
    return client.post("/ada/module.git/info/lfs/objects/batch", json=body, headers=headers)


@pytest.fixture
def module(hub):
    create(ArtifactName("ada", "module"), hub.registry, hub.store, Actor("ada"))


def test_a_page_creates_a_repository(page, hub):
    client, headers = page
    assert client.post("/api/repos/create", json=NEW, headers=headers).status_code == 200
    assert hub.registry.get("ada/module").name == ArtifactName("ada", "module")


@pytest.mark.parametrize(
    "changed",
    [
        {CSRF_HEADER: ""},
        {CSRF_HEADER: "of-another-session"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_call_without_the_token_or_from_another_site_is_anonymous(page, changed):
    client, headers = page
    assert client.post("/api/repos/create", json=NEW, headers=headers | changed).status_code == 401


def test_a_browser_that_sends_an_origin_only_must_send_this_one(page):
    client, headers = page
    del headers["sec-fetch-site"]
    foreign = client.post("/api/repos/create", json=NEW, headers=headers | {"origin": "https://evil.example"})
    assert foreign.status_code == 401
    assert (
        client.post("/api/repos/create", json=NEW, headers=headers | {"origin": "http://hub.example"}).status_code
        == 200
    )


def test_a_token_in_the_request_decides_also_if_the_session_could_do_more(page, token_of):
    client, headers = page
    reads = {"authorization": f"Bearer {token_of('ada', 'read')}"}
    assert client.post("/api/repos/create", json=NEW, headers=headers | reads).status_code == 403


@pytest.mark.parametrize(
    "path", ["/api/repos/move", "/api/models/ada/module/settings", "/api/models/ada/module/lfs-files/batch"]
)
def test_other_endpoints_accept_no_call_of_a_page(page, module, path):
    client, headers = page
    method = "PUT" if path.endswith("settings") else "POST"
    assert client.request(method, path, json={"fromRepo": "a", "toRepo": "b"}, headers=headers).status_code == 401


def test_a_link_of_a_page_uploads_until_the_session_ends(page, module, hub):
    client, headers = page
    link = plan(client, headers).json()["objects"][0]["actions"]["upload"]["href"]
    assert client.put(link, content=CONTENT, headers={"cookie": ""}).status_code == 200
    [session] = Sessions(hub.registry.database).of(hub.accounts.get("ada"))
    Sessions(hub.registry.database).end(hub.accounts.get("ada"), session.id, Actor("ada"))
    assert client.put(link, content=CONTENT).status_code == 401


def test_a_session_that_was_started_with_a_token_for_reading_cannot_upload(page, module, hub, token_of):
    client, _ = page
    token_of("ada", "read")
    [token] = hub.tokens.of(hub.accounts.get("ada"))
    secret = Sessions(hub.registry.database).begin(hub.accounts.get("ada"), Actor("ada"), token=token)
    client.cookies.set("linguahub", secret, domain="hub.example")
    csrf_token = client.get("/settings").text.partition('name="form" value="')[2].partition('"')[0]
    refused = plan(client, {CSRF_HEADER: csrf_token, "sec-fetch-site": "same-origin"})
    assert refused.status_code == 403
