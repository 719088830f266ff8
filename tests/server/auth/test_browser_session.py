"""Logging in and out with a browser, and attacks by other sites."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from hub.registry.accounts.audit import read_audit
from hub.registry.accounts.sessions import Sessions
from server import create_app
from server.cli import server_config
from tests.builders.server.people import OTHER_PASSWORD, PASSWORD, ROOT


def cookie_of(response, name="linguahub"):
    return next(each for each in response.headers.get_list("set-cookie") if each.startswith(f"{name}="))


def test_a_user_logs_in_sees_their_name_and_logs_out(browser):
    assert "Log in" in browser.get("/").text
    response = browser.log_in()
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert ">ada</a>" in browser.get("/").text
    assert browser.send("/settings", "/logout").headers["location"] == "/"
    assert "Log in" in browser.get("/").text
    assert browser.get("/settings").headers["location"] == "/login?next=%2Fsettings"


def test_the_cookie_is_inaccessible_to_scripts_and_other_sites(browse):
    cookie = cookie_of(browse().log_in())
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie
    cookie = cookie_of(browse(scheme="https").log_in(), "__Host-linguahub")
    assert "Secure" in cookie and "HttpOnly" in cookie and "Domain" not in cookie


@pytest.mark.parametrize(("peer", "name"), [("127.0.0.1", "__Host-linguahub"), ("198.51.100.7", "linguahub")])
def test_behind_a_trusted_proxy_with_https_the_cookie_is_secure(hub, token_of, peer, name):
    """The proxy connects over http; X-Forwarded-Proto is ignored from other clients."""
    config = server_config(create_app(hub), proxies="127.0.0.1")
    config.load()
    scheme = "https" if peer == "127.0.0.1" else "http"
    with TestClient(config.loaded_app, "http://hub.example", client=(peer, 5), follow_redirects=False) as client:
        client.headers["x-forwarded-proto"] = "https"
        page = client.get("/login")
        # The test client connects over http, so it would not send secure cookies.
        client.headers["cookie"] = page.headers["set-cookie"].partition(";")[0]
        csrf_token = page.text.partition('name="form" value="')[2].partition('"')[0]
        fields = {"form": csrf_token, "token": token_of("ada")}
        response = client.post("/login", data=fields, headers={"origin": f"{scheme}://hub.example"})
    assert response.status_code == 303
    assert ("Secure" in cookie_of(response, name)) == (scheme == "https")


def test_a_new_login_starts_a_new_session_and_ends_the_old_one(browser, hub):
    browser.log_in()
    first = browser.client.cookies["linguahub"]
    csrf_token = browser.csrf_token("/settings")
    browser.post("/login", {"form": csrf_token, "name": "ada", "password": PASSWORD})
    second = browser.client.cookies["linguahub"]
    assert first != second
    sessions = Sessions(hub.registry.database)
    assert sessions.find(first) is None and sessions.find(second) is not None


def test_a_session_id_planted_by_an_attacker_is_not_used_after_login(browser, hub):
    browser.client.cookies.set("linguahub", "lhs_planted", domain="hub.example")
    browser.log_in()
    assert Sessions(hub.registry.database).find("lhs_planted") is None


@pytest.mark.parametrize("name", ["ada", "nobody", "lab", ""])
def test_a_wrong_password_and_an_unknown_name_give_the_same_error(browser, name):
    response = browser.log_in(name, "wrong password")
    assert response.status_code == 401
    assert "Wrong username or password" in response.text
    assert "linguahub=" not in response.headers.get("set-cookie", "")


def test_login_attempts_are_limited_by_account_and_address_without_locking_out_the_owner(browse):
    attacker = browse("198.51.100.9")
    responses = [attacker.log_in("ada", f"wrong password {number}") for number in range(11)]
    assert [each.status_code for each in responses] == [401] * 10 + [429]
    assert 0 < int(responses[-1].headers["retry-after"]) <= 900
    assert attacker.log_in("ada", PASSWORD).status_code == 429
    assert browse("192.0.2.1").log_in("ada", PASSWORD).status_code == 303
    spread = browse("198.51.100.10")
    csrf_token = spread.csrf_token("/login")
    codes = [spread.post("/login", {"form": csrf_token, "token": f"lh_{number}"}).status_code for number in range(51)]
    assert codes == [401] * 50 + [429]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 303),
        ({"sec_fetch_site": ""}, 303),
        ({"sec_fetch_site": "", "origin": ""}, 303),
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "", "origin": "https://evil.example"}, 403),
        ({"sec_fetch_site": "", "origin": "null"}, 403),
        ({"sec_fetch_site": "", "origin": "http://hub.example:8080"}, 403),
    ],
)
def test_a_form_is_only_accepted_from_a_page_of_this_server(browser, token_of, headers, expected):
    response = browser.send("/login", "/login", {"token": token_of("ada")}, **headers)
    assert response.status_code == expected


def test_a_form_needs_the_csrf_token_of_the_same_session(browse, hub):
    browser, other = browse(), browse()
    browser.enter(hub)
    other.enter(hub)
    for csrf_token in (other.csrf_token("/settings"), "", "0" * 64, "ọ"):
        response = browser.post("/settings/tokens", {"form": csrf_token, "role": "read", "name": "stolen"})
        assert response.status_code == 403
        assert "form has expired" in response.text
    before = browser.csrf_token("/settings")
    browser.post("/logout", {"form": before})
    browser.enter(hub)
    assert browser.post("/settings/tokens", {"form": before, "role": "read"}).status_code == 403


def test_a_cookie_alone_does_not_authorize_changes(browser, hub):
    """Other sites can make old browsers, which do not know SameSite, send cookies with a JSON body."""
    browser.enter(hub)
    response = browser.client.post("/api/repos/create", json={"name": "made-by-cookie"})
    assert response.status_code == 401
    assert hub.registry.names() == []


def test_a_session_can_read_private_artifacts(browser, hub, token_of, endpoint):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token_of("ada"))
    api.create_repo("ada/hidden", private=True)
    commit = api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="ada/hidden").oid
    assert browser.get("/ada/hidden").status_code == 404
    browser.enter(hub)
    assert browser.get("/ada/hidden").status_code == 200
    response = browser.get(f"/ada/hidden/resolve/{commit}/a.txt")
    assert response.text == "x"
    assert response.headers["cache-control"].startswith("private, ")
    assert browser.get("/ada/hidden/resolve/main/a.txt").headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("target", "redirected_to"),
    [
        ("/ada/x?a=b", "/ada/x?a=b"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_the_login_only_redirects_to_paths_of_this_server(browser, token_of, target, redirected_to):
    response = browser.send("/login", "/login", {"token": token_of("ada"), "next": target})
    assert response.headers["location"] == redirected_to


def test_a_session_started_with_a_token_cannot_change_tokens_or_password(browser, token_of, hub):
    response = browser.send("/login", "/login", {"token": token_of("ada")})
    assert response.status_code == 303
    page = browser.get("/settings/tokens").text
    assert "You're logged in with a token" in page and "Create token" not in page
    for action in ("/settings/tokens", "/settings/password", "/device"):
        assert browser.send("/settings", action, {"role": "write"}).status_code == 403
    hub.tokens.revoke(hub.accounts.get("ada"), 1, ROOT)
    assert browser.get("/settings").status_code == 303
    assert browser.send("/login", "/login", {"token": "lh_wrong"}).status_code == 401


def test_a_token_is_created_shown_once_used_and_revoked(browser, hub):
    browser.enter(hub)
    fields = {"name": "my machine", "role": "write", "repo": "", "days": "30"}
    assert browser.send("/settings", "/settings/tokens", fields).headers["location"] == "/settings/tokens"
    page = browser.get("/settings/tokens")
    assert page.headers["cache-control"] == "no-store"
    secret = page.text.partition('id="new-token">')[2].partition("<")[0]
    caller = hub.tokens.caller(secret)
    assert (caller.account.name, caller.token.name, caller.token.role) == ("ada", "my machine", "write")
    shown = browser.get("/settings/tokens").text
    assert "my machine" in shown and secret not in shown
    assert "my machine" in browser.get(f"/settings/tokens/{caller.token.id}/revoke").text
    browser.send("/settings", f"/settings/tokens/{caller.token.id}/revoke")
    assert hub.tokens.caller(secret) is None
    assert "my machine" not in browser.get("/settings/tokens").text
    assert browser.send("/settings", "/settings/tokens", {**fields, "days": "1000"}).status_code == 400
    assert browser.send("/settings", "/settings/tokens", {**fields, "role": "king"}).status_code == 400


def test_users_cannot_revoke_tokens_or_end_sessions_of_others(browse, hub, token_of):
    ada, bob = browse(), browse()
    ada.enter(hub)
    bob.enter(hub, "bob")
    secret = token_of("ada")
    number = hub.tokens.caller(secret).token.id
    session = Sessions(hub.registry.database).of(hub.accounts.get("ada"))[0].id
    assert bob.send("/settings", f"/settings/tokens/{number}/revoke").status_code == 404
    assert bob.send("/settings", f"/settings/sessions/{session}/end").status_code == 404
    assert bob.send("/settings", "/settings/sessions/x/end").status_code == 400
    assert hub.tokens.caller(secret) is not None
    assert ada.get("/settings").status_code == 200


def test_changing_the_password_logs_out_all_other_browsers(browse, hub):
    here, there = browse(), browse()
    here.enter(hub)
    there.enter(hub)
    fields = {"current": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    for wrong in ({"current": "wrong password"}, {"again": "typed otherwise"}, {"new": "short", "again": "short"}):
        assert here.send("/settings", "/settings/password", fields | wrong).status_code == 400
    assert (
        here.send("/settings", "/settings/password", fields).headers["location"] == "/settings/security?done=password"
    )
    assert "was changed" in here.get("/settings/security?done=password").text
    assert there.get("/settings").status_code == 303
    assert there.log_in().status_code == 401
    assert there.log_in(password=OTHER_PASSWORD).status_code == 303


def test_a_user_can_end_the_session_of_another_browser(browse, hub):
    here, there = browse(), browse("192.0.2.2")
    here.enter(hub)
    there.log_in()
    [other] = [
        each for each in Sessions(hub.registry.database).of(hub.accounts.get("ada")) if each.address == "192.0.2.2"
    ]
    assert here.send("/settings", f"/settings/sessions/{other.id}/end").status_code == 303
    assert there.get("/settings").status_code == 303
    assert here.get("/settings").status_code == 200


def test_access_to_a_gated_artifact_is_requested_with_a_button(browser, hub, token_of, endpoint):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token_of("bob"))
    api.create_repo("bob/gated")
    api.update_repo_settings("bob/gated", gated="manual")
    assert "/login?next=/bob/gated" in browser.get("/bob/gated").text
    browser.enter(hub)
    assert browser.send("/bob/gated", "/bob/gated/request-access").headers["location"] == "/bob/gated"
    assert "Your request is pending" in browser.get("/bob/gated").text
    api.accept_access_request("bob/gated", "ada")
    assert "request access" not in browser.get("/bob/gated").text
    assert read_audit(hub.registry.database, subject="bob/gated")[1].actor == "ada"


def test_a_request_that_is_not_a_form_is_refused(browser, hub):
    browser.enter(hub)
    headers = {"sec-fetch-site": "same-origin"}
    assert (
        browser.client.post("/logout", json={"form": browser.csrf_token("/settings")}, headers=headers).status_code
        == 400
    )
    assert browser.client.post("/logout", data={str(n): "" for n in range(60)}, headers=headers).status_code == 400
