"""Sign-up and reset links."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.membership import reset_links
from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from hub.registry.membership.reset_links import create_reset_link
from hub.registry.membership.sign_up import MAX_BY_ADDRESS
from tests.builders.server.people import OTHER_PASSWORD, PASSWORD, ROOT

WISHED = {"name": "zoe", "full_name": "Zoë", "new": PASSWORD, "again": PASSWORD}


@pytest.fixture
def is_open(hub):
    set_account_policy(hub.registry.database, AccountPolicy(sign_up=True, organisations=False), ROOT)


def test_visitors_cannot_sign_up_unless_an_administrator_allows_it(browser, hub):
    assert browser.get("/signup").status_code == 403
    assert "Sign up" not in browser.get("/login").text
    assert browser.send("/login", "/signup", WISHED).status_code == 403
    assert hub.accounts.find("zoe") is None


@pytest.mark.usefixtures("is_open")
def test_a_visitor_signs_up_and_is_logged_in(browser, hub):
    assert "Sign up" in browser.get("/login").text
    assert browser.send("/signup", "/signup", {**WISHED, "next": "/ada/x"}).headers["location"] == "/ada/x"
    assert "Zoë</h1>" in browser.get("/settings").text
    zoe = hub.accounts.get("zoe")
    assert (zoe.is_admin, zoe.kind) == (False, "user")


@pytest.mark.usefixtures("is_open")
def test_a_form_that_is_sent_twice_makes_one_account_and_a_stranger_gets_none(browse, hub):
    browser, other = browse(), browse("192.0.2.2")
    csrf_token = browser.csrf_token("/signup")
    for _ in range(2):
        browser.client.cookies.delete("linguahub") if "linguahub" in browser.client.cookies else None
        visitor = browser.csrf_token("/signup")
        assert browser.post("/signup", {"form": visitor, **WISHED}).status_code == 303
    assert csrf_token
    refused = other.send("/signup", "/signup", {**WISHED, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD})
    assert refused.status_code == 409
    assert 'value="zoe"' in refused.text and "is taken" in refused.text
    assert "linguahub" not in other.client.cookies


@pytest.mark.usefixtures("is_open")
@pytest.mark.parametrize(("name", "status"), [("ADA", 409), ("settings", 400), ("<b>", 400)])
def test_names_that_are_taken_reserved_or_invalid_are_refused_beside_the_form(browser, name, status):
    response = browser.send(
        "/signup", "/signup", WISHED | {"name": name, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    )
    assert response.status_code == status
    assert 'role="alert"' in response.text and "<b>" not in response.text


@pytest.mark.usefixtures("is_open")
@pytest.mark.parametrize("wrong", [{"new": "short", "again": "short"}, {"again": "typed otherwise"}])
def test_passwords_follow_the_usual_rules(browser, hub, wrong):
    assert browser.send("/signup", "/signup", WISHED | wrong).status_code == 400
    assert hub.accounts.find("zoe") is None


@pytest.mark.usefixtures("is_open")
def test_sign_ups_from_one_address_are_limited(browse):
    browser = browse()
    answers = [
        browser.send("/signup", "/signup", {**WISHED, "name": "ada!"}).status_code for _ in range(MAX_BY_ADDRESS + 1)
    ]
    assert answers == [400] * MAX_BY_ADDRESS + [429]
    assert browse("192.0.2.77").send("/signup", "/signup", {**WISHED, "name": "ada!"}).status_code == 400


def test_a_reset_link_sets_a_password_once_and_ends_sessions(browse, hub):
    ada, visitor = browse(), browse()
    ada.enter(hub)
    link = create_reset_link(hub.registry.database, "ada", ROOT).path
    assert "ada</strong>" in visitor.get(link).text
    mistyped = {"new": OTHER_PASSWORD, "again": "another one"}
    assert visitor.send(link, link, mistyped).status_code == 400, "the link can still be used"
    done = visitor.send(link, link, {"new": OTHER_PASSWORD, "again": OTHER_PASSWORD})
    assert done.headers["location"] == "/login?done=reset"
    assert "Your password was set" in visitor.get("/login?done=reset").text
    assert hub.accounts.has_password("ada", OTHER_PASSWORD)
    assert ada.get("/settings").status_code == 303
    assert visitor.get(link).status_code == 403
    assert Sessions(hub.registry.database).of(hub.accounts.get("ada")) == []


def test_a_user_who_is_logged_in_can_use_a_link_too(browser, hub):
    browser.enter(hub)
    link = create_reset_link(hub.registry.database, "ada", ROOT).path
    done = browser.send(link, link, {"new": OTHER_PASSWORD, "again": OTHER_PASSWORD})
    assert done.headers["location"] == "/login?done=reset"


def test_a_link_ends_with_its_time_a_newer_link_and_the_removal_of_the_user(browser, hub, monkeypatch):
    database = hub.registry.database
    older, newer = (create_reset_link(database, "ada", ROOT).path for _ in range(2))
    assert [browser.get(each).status_code for each in (older, newer)] == [403, 200]
    removed = create_reset_link(database, "bob", ROOT).path
    hub.accounts.remove("bob", ROOT)
    assert browser.get(removed).status_code == 403
    monkeypatch.setattr(reset_links, "LIFETIME", timedelta(seconds=-1))
    assert browser.get(create_reset_link(database, "ada", ROOT).path).status_code == 403
    assert browser.get("/reset/lhr_guessed").status_code == 403


def test_a_link_is_in_neither_the_audit_log_nor_the_page_of_another_site(browser, hub):
    link = create_reset_link(hub.registry.database, "ada", Actor("root"))
    page = browser.get(link.path)
    assert page.headers["referrer-policy"] == "same-origin" and page.headers["cache-control"] == "no-store"
    secret = link.path.rpartition("/")[2]
    assert page.text.count(secret) == 1, "only the form of the page repeats it"
