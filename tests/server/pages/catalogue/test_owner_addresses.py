"""`/{owner}` is the page of an account, of an artifact of that bare name, or of an owner without an account, in this order."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from tests.builders.server.people import browse, browser, hub

__all__ = ["browse", "browser", "hub"]


@pytest.fixture
def published(hub):
    for name in ("ada/one", "stranger/two", "ada/stranger-too", "stranger-too/three"):
        create(ArtifactName.parse(name, ""), hub.registry, hub.store, Actor("ada"), private=False)
    create(ArtifactName("hidden", "secret"), hub.registry, hub.store, Actor("ada"), private=True)
    return hub


def test_an_organisation_shows_members_and_its_artifacts(published, browser):
    create(ArtifactName("lab", "shared"), published.registry, published.store, Actor("ada"), private=False)
    page = browser.get("/lab").text
    assert "The lab" in page
    assert 'href="/ada"><bdi>Ada</bdi></a> <small>admin</small>' in page
    assert 'href="/lab/shared"' in page


def test_other_spellings_redirect(published, browser):
    assert browser.get("/ADA").headers["location"] == "/ada"
    assert browser.get("/Stranger").headers["location"] == "/stranger"


def test_an_owner_without_an_account_has_a_page_unless_an_artifact_has_the_name(published, browser):
    assert 'href="/stranger/two"' in browser.get("/stranger").text
    assert browser.get("/stranger-too").headers["location"] == "/ada/stranger-too"


def test_an_owner_of_private_artifacts_alone_is_not_found(published, browser):
    assert browser.get("/hidden").status_code == 404
    assert "secret" not in browser.get("/hidden").text


def test_a_private_artifact_is_on_the_page_for_its_owner_only(published, browser):
    create(ArtifactName("ada", "secret"), published.registry, published.store, Actor("ada"), private=True)
    assert "ada/secret" not in browser.get("/ada").text
    browser.enter(published, "ada")
    assert "ada/secret" in browser.get("/ada").text
