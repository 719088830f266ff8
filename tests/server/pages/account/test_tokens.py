"""Tokens on /settings/tokens."""

from __future__ import annotations

import re

import pytest

FIELDS = {"name": "laptop", "role": "write", "repo": "", "days": "30"}


def shown(page: str) -> str:
    return page.partition('id="new-token">')[2].partition("<")[0]


def once(browser) -> str:
    return re.search(r'name="once" value="([\w-]+)"', browser.get("/settings/tokens").text)[1]


def test_reloading_the_page_shows_a_new_token_once_and_makes_no_second_one(browser, hub):
    browser.enter(hub)
    assert browser.send("/settings/tokens", "/settings/tokens", FIELDS).status_code == 303
    first, second = browser.get("/settings/tokens").text, browser.get("/settings/tokens").text
    assert hub.tokens.caller(shown(first)).token.name == "laptop"
    assert shown(second) == ""
    assert len(hub.tokens.of(hub.accounts.get("ada"))) == 1


def test_a_form_that_is_sent_twice_makes_one_token_and_shows_it(browser, hub):
    browser.enter(hub)
    fields = {**FIELDS, "once": once(browser)}
    secrets = set()
    for _ in range(2):
        browser.send("/settings/tokens", "/settings/tokens", fields)
        secrets.add(shown(browser.get("/settings/tokens").text))
    [secret] = secrets
    assert hub.tokens.caller(secret)
    browser.send("/settings/tokens", "/settings/tokens", {**fields, "name": "phone"})
    names = [each.name for each in hub.tokens.of(hub.accounts.get("ada"))]
    assert names == ["phone", "laptop"]


def test_a_form_whose_token_was_revoked_makes_no_other_one(browser, hub):
    browser.enter(hub)
    fields = {**FIELDS, "once": once(browser)}
    browser.send("/settings/tokens", "/settings/tokens", fields)
    number = hub.tokens.of(hub.accounts.get("ada"))[0].id
    browser.send("/settings/tokens", f"/settings/tokens/{number}/revoke")
    response = browser.send("/settings/tokens", "/settings/tokens", fields)
    assert response.status_code == 400
    assert "its token was revoked" in response.text


def test_two_browsers_with_the_same_form_get_different_tokens(browse, hub):
    secrets = set()
    for _ in range(2):
        browser = browse()
        browser.enter(hub)
        browser.send("/settings/tokens", "/settings/tokens", {**FIELDS, "once": "same"})
        secrets.add(shown(browser.get("/settings/tokens").text))
    assert len(secrets) == 2


def test_the_form_keeps_the_typed_values_when_it_is_refused(browser, hub):
    browser.enter(hub)
    page = browser.send("/settings/tokens", "/settings/tokens", {**FIELDS, "repo": "a b"}).text
    assert 'value="laptop"' in page and 'value="a b"' in page
    assert "<option selected>write</option>" in page


def test_a_secret_handed_to_another_session_is_not_shown(browse, hub):
    ada, bob = browse(), browse()
    ada.enter(hub)
    bob.enter(hub, "bob")
    ada.send("/settings/tokens", "/settings/tokens", FIELDS)
    bob.client.cookies.set("linguahub-once", ada.client.cookies["linguahub-once"], domain="hub.example")
    assert 'id="new-token"' not in bob.get("/settings/tokens").text


def test_revoking_asks_first(browser, hub, token_of):
    browser.enter(hub)
    secret = token_of("ada")
    number = hub.tokens.caller(secret).token.id
    page = browser.get(f"/settings/tokens/{number}/revoke").text
    assert "This cannot be undone" in page
    assert hub.tokens.caller(secret)
    assert browser.get("/settings/tokens/999/revoke").status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\u202eabc", "x" * 200])
def test_a_hostile_name_is_shown_as_text_or_refused(browser, hub, name):
    browser.enter(hub)
    response = browser.send("/settings/tokens", "/settings/tokens", {**FIELDS, "name": name})
    assert response.status_code in {303, 400}
    assert "<script>alert" not in browser.get("/settings/tokens").text
