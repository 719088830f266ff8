"""Profile, organisations, access requests and sessions on /settings."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.artifacts.access_requests import add_request, status_of
from hub.registry.artifacts.repositories import change_settings
from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from tests.builders.server.people import ROOT

ADA = Actor("ada")
AT = "/settings/organisations"


def allow_organisations(hub):
    set_account_policy(hub.registry.database, AccountPolicy(sign_up=False, organisations=True), ROOT)


def test_a_profile_is_shown_as_text(browser, hub):
    browser.enter(hub)
    about = "I like <b>Yorùbá</b>.\nأحب العربية"
    browser.send("/settings", "/settings", {"full_name": "Ada L.", "about": about})
    page = browser.get("/settings").text
    assert "Ada L.</h1>" in page
    assert "&lt;b&gt;Yorùbá&lt;/b&gt;" in page and "<b>Yorùbá" not in page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"full_name": "x" * 201, "about": ""}, "single line of at most 200"),
        ({"full_name": "Ada\nL.", "about": ""}, "single line"),
        ({"full_name": "Ada", "about": "x" * 2001}, "use at most 2000"),
        ({"full_name": "Ada", "about": "a\x00b"}, "U+0000"),
        ({"full_name": "Ada", "about": "a\u202eb"}, "U+202E"),
    ],
)
def test_a_refused_profile_shows_the_reason_and_keeps_the_typed_values(browser, hub, fields, problem):
    browser.enter(hub)
    response = browser.send("/settings", "/settings", fields)
    assert response.status_code == 400
    assert problem in response.text
    assert hub.accounts.get("ada").full_name == "Ada"


def test_every_tab_needs_a_session_and_returns_to_it_after_the_login(browser):
    for tab in ("", "/tokens", "/organisations", "/access", "/reports", "/security"):
        target = f"/settings{tab}".replace("/", "%2F")
        assert browser.get(f"/settings{tab}").headers["location"] == f"/login?next={target}"


def test_a_form_sent_after_the_session_has_expired_leads_back_to_its_page(browser, hub):
    browser.enter(hub)
    csrf_token = browser.csrf_token("/settings")
    Sessions(hub.registry.database).end_others(hub.accounts.get("ada"), 0, ADA)
    fields = {"form": csrf_token, "full_name": "Ada", "about": "long text"}
    response = browser.post("/settings", fields, referer="http://hub.example/settings?done=saved")
    assert response.headers["location"] == "/login?next=%2Fsettings%3Fdone%3Dsaved"
    response = browser.post("/settings", fields, referer="http://evil.example/settings")
    assert response.headers["location"] == "/login?next=%2Fsettings"


def test_users_create_organisations_only_where_the_policy_allows_it(browser, hub):
    browser.enter(hub, "bob")
    refused = browser.send(AT, AT, {"name": "crew"}) if 'name="form"' in browser.get(AT).text else None
    assert refused is not None and refused.status_code == 403
    allow_organisations(hub)
    for _ in range(2):  # The second click of a double click.
        made = browser.send(AT, AT, {"name": "crew", "full_name": "The crew"})
        assert made.headers["location"] == f"{AT}/crew?done=created"
    assert [(each.name, role) for each, role in hub.accounts.organisations(hub.accounts.get("bob"))] == [
        ("crew", "admin")
    ]


@pytest.mark.parametrize("name", ["linguahub", "ada", "lab", "settings", "admin", "a b", "someone"])
def test_names_of_others_and_of_the_server_are_refused(browser, hub, name):
    allow_organisations(hub)
    create(ArtifactName("someone", "thing"), hub.registry, hub.store, ADA)  # An owner without an account.
    browser.enter(hub, "bob")
    response = browser.send(AT, AT, {"name": name})
    assert response.status_code in {400, 409}
    assert f'value="{name}"' in response.text


def test_only_admins_of_an_organisation_change_its_members_and_the_last_one_stays(browse, hub):
    ada, bob, lab = browse(), browse(), hub.accounts.get("lab")
    ada.enter(hub)
    bob.enter(hub, "bob")
    assert bob.get(f"{AT}/lab").status_code == 403
    ada.send(f"{AT}/lab", f"{AT}/lab/members", {"user": "bob", "role": "write"})
    assert bob.get(f"{AT}/lab").status_code == 200
    assert bob.send(f"{AT}/lab", f"{AT}/lab/members", {"user": "ada", "role": "read"}).status_code == 403
    for action, fields in (
        ("leave", {}),
        ("members", {"user": "ada", "role": "read"}),
        ("members", {"user": "ada", "remove": "yes"}),
    ):
        refused = ada.send(f"{AT}/lab", f"{AT}/lab/{action}", fields)
        assert refused.status_code == 400 and "last admin" in refused.text
    ada.send(f"{AT}/lab", f"{AT}/lab/members", {"user": "bob", "role": "admin"})
    assert ada.send(f"{AT}/lab", f"{AT}/lab/leave").headers["location"] == f"{AT}?done=left"
    assert ada.send(AT, f"{AT}/lab/leave").headers["location"] == AT, "a second click is not an error"
    assert [(each.name, role) for each, role in hub.accounts.members(lab)] == [("bob", "admin")]


def test_an_unknown_member_is_named_beside_the_form(browser, hub):
    browser.enter(hub)
    response = browser.send(f"{AT}/lab", f"{AT}/lab/members", {"user": "bobb", "role": "write"})
    assert response.status_code == 404
    assert 'value="bobb"' in response.text and "<code>bob</code>" in response.text


def test_owners_answer_requests_and_requesters_see_the_answer(browse, hub):
    database, bob_account = hub.registry.database, hub.accounts.get("bob")
    for owner in ("ada", "lab", "root"):
        name = ArtifactName(owner, "gated")
        create(name, hub.registry, hub.store, ADA)
        change_settings(database, name, ADA, gated="manual")
        add_request(database, hub.registry.get(name), bob_account, Actor("bob"))
    ada, bob = browse(), browse()
    ada.enter(hub)
    bob.enter(hub, "bob")
    page = ada.get("/settings/access").text
    assert "ada/gated" in page and "lab/gated" in page and "root/gated" not in page
    no = {"artifact": "ada/gated", "user": "bob", "status": "rejected", "reason": "say <b>why</b>"}
    ada.send("/settings/access", "/settings/access", no)
    assert "say &lt;b&gt;why" in bob.get("/settings/access").text
    assert bob.send("/settings/access", "/settings/access", {**no, "status": "accepted"}).status_code == 403
    assert status_of(database, ArtifactName("ada", "gated"), bob_account) == "rejected"


def test_all_other_sessions_end_at_once(browse, hub):
    here, there, elsewhere = browse(), browse(), browse()
    for each in (here, there, elsewhere):
        each.enter(hub)
    here.send("/settings/security", "/settings/sessions/end-others")
    assert [each.get("/settings").status_code for each in (here, there, elsewhere)] == [200, 303, 303]
    assert "End all other sessions" not in here.get("/settings/security").text
