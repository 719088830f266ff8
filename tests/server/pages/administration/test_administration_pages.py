"""Pages below /administration."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from hub.registry.membership.account_policy import account_policy
from hub.registry.outbox.queue import enqueue, jobs
from tests.builders.server.people import ROOT
from tests.builders.server.scans import mark_malicious

PAGES = ("", "/users", "/users/ada", "/storage", "/reports", "/files", "/jobs", "/audit")
ADA = Actor("ada")


@pytest.fixture
def root(browser, hub):
    browser.enter(hub, "root")
    return browser


def test_only_administrators_see_the_pages_and_their_tokens_for_reading_do_not(browse, hub, token_of):
    ada, narrow, reader, visitor = browse(), browse(), browse(), browse()
    ada.enter(hub)
    narrow.send("/login", "/login", {"token": token_of("root", artifact="ada/x")})
    reader.send("/login", "/login", {"token": token_of("root", "read")})
    for page in PAGES:
        found = [each.get(f"/administration{page}").status_code for each in (ada, narrow, reader, visitor)]
        assert found == [403, 403, 403, 303], page
        refused = ada.send("/settings", "/administration/users", {"name": "eve"})
        assert refused.status_code == 403
    assert hub.accounts.find("eve") is None


def test_every_page_is_shown_to_administrators(root, hub):
    mark_malicious(hub)
    for page in PAGES:
        assert root.get(f"/administration{page}").status_code == 200, page


def test_users_are_found_by_a_part_of_their_name_page_by_page(root, hub):
    for number in range(60):
        hub.accounts.add(f"user-{number:02}", ROOT, full_name="100% _Ada_" if number == 7 else "")
    page = root.get("/administration/users").text
    assert "user-00" in page and "user-59" not in page
    second = root.get("/administration/users?after=user-45").text
    assert "user-46" in second and "user-45" not in second
    assert "user-07" in root.get("/administration/users?text=100%25+_ada").text
    found = root.get("/administration/users?text=%25").text
    assert "user-07" in found and "user-08" not in found, "wildcards stand for themselves"
    assert "No matching accounts" in root.get("/administration/users?text=%00%22%3E%3Cscript%3E").text
    assert "The lab" in root.get("/administration/users?kind=organisation").text


def test_an_account_is_created_disabled_and_restored(root, hub):
    users, eve = "/administration/users", "/administration/users/eve"
    made = root.send(users, users, {"kind": "user", "name": "eve", "email": "eve@example.org"})
    assert made.headers["location"] == f"{eve}?done=added"
    again = root.send(users, users, {"kind": "user", "name": "eve"})
    assert again.status_code == 409 and 'value="eve"' in again.text
    root.send(eve, eve, {"action": "admin"})
    assert hub.accounts.get("eve").is_admin
    root.send(eve, eve, {"action": "remove"})
    assert hub.accounts.get("eve").removed_at
    root.send(eve, eve, {"action": "restore"})
    assert not hub.accounts.get("eve").removed_at
    root.send(eve, eve, {"action": "quota", "quota": "2G"})
    assert hub.accounts.get("eve").quota_bytes == 2 * 10**9
    wrong = root.send(eve, eve, {"action": "quota", "quota": "much"})
    assert wrong.status_code == 400 and 'value="much"' in wrong.text


def test_the_last_administrator_stays(root):
    at = "/administration/users/root"
    for action in ("remove", "no-admin"):
        response = root.send(at, at, {"action": action})
        assert response.status_code == 400 and "last administrator" in response.text


def test_a_reset_link_is_shown_once(root, browse):
    at = "/administration/users/ada"
    root.send(at, at, {"action": "reset-link"})
    link = root.get(at).text.partition('id="reset-link">')[2].partition("<")[0]
    assert link.startswith("http://hub.example/reset/lhr_")
    assert 'id="reset-link"' not in root.get(at).text
    assert browse().get(link.removeprefix("http://hub.example")).status_code == 200


def test_the_audit_log_is_filtered_and_paged(root, hub):
    for number in range(60):
        change = Actor("ada" if number % 2 else "bob")
        hub.accounts.set_quota("lab", number, change)
    page = root.get("/administration/audit?by=ada&action=organisation").text
    assert page.count("organisation.quota") == 30 and "user.add" not in page
    newest = root.get("/administration/audit?subject=lab").text
    assert newest.count('<tr><th scope="row"') == 50
    older = newest.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "organisation.add" in root.get(older).text
    for wrong in ("before=x", "by=%00", "action=a%0ab", f"before={10**30}"):
        assert root.get(f"/administration/audit?{wrong}").status_code == 400, wrong


def test_the_policy_is_changed_by_a_form(root, hub):
    at = "/administration"
    root.send(at, f"{at}/policy", {"sign_up": "yes", "files": "any"})
    policy = account_policy(hub.registry.database)
    assert (policy.sign_up, policy.organisations) == (True, False)
    assert root.send(at, f"{at}/policy", {"files": "all"}).status_code == 400


def test_given_up_jobs_are_retried(root, hub):
    with hub.registry.database.transaction() as session:
        enqueue(session, "deliver-webhook", "<b>x</b>", {})
    hub.registry.database.execute(
        "UPDATE outbox SET given_up_at = '2026-01-01 00:00:00.000000', error = 'answered 500'"
    )
    page = root.get("/administration/jobs").text
    assert "answered 500" in page and "&lt;b&gt;x&lt;/b&gt;" in page
    root.send("/administration/jobs", "/administration/jobs", {"task": "deliver-webhook"})
    assert [each.given_up_at for each in jobs(hub.registry.database)] == [None]


def test_storage_lists_owners_by_size(root, hub):
    create(ArtifactName("ada", "module"), hub.registry, hub.store, ADA)
    page = root.get("/administration/storage").text
    assert 'href="/administration/users/ada"' in page


def test_an_administrator_blocks_a_file_and_allows_it_again(root, browse, hub):
    create(ArtifactName("ada", "module"), hub.registry, hub.store, ADA)
    raw, at = "/ada/module/resolve/main/.gitattributes", "/administration/files"
    visitor = browse()
    assert visitor.get(raw).status_code == 200
    fields = {"artifact": "ada/module", "file": ".gitattributes", "reason": "it <b>attacks</b> git"}
    assert root.send(at, at, {**fields, "reason": " "}).status_code == 400
    assert root.send(at, at, {**fields, "file": "nothing"}).status_code == 404
    root.send(at, at, fields)
    assert visitor.get(raw).status_code == 403
    assert visitor.get("/ada/module/info/refs?service=git-upload-pack").status_code == 403
    page = visitor.get("/ada/module/blob/main/.gitattributes").text
    assert "it &lt;b&gt;attacks&lt;/b&gt; git" in page and "filter=lfs" not in page
    assert "it &lt;b&gt;attacks&lt;/b&gt; git" in root.get(at).text
    digest = root.get(at).text.partition('name="digest" value="')[2].partition('"')[0]
    root.send(at, f"{at}/unblock", {"digest": digest})
    assert visitor.get(raw).status_code == 200


def test_a_hidden_artifact_is_invisible_and_its_owner_cannot_change_that(root, browse, hub, token_of):
    create(ArtifactName("ada", "module"), hub.registry, hub.store, ADA)
    at, visitor, ada = "/administration/files", browse(), browse()
    ada.enter(hub)
    root.send(at, at, {"artifact": "ada/module", "file": "", "reason": "personal data"})
    assert visitor.get("/ada/module").status_code == 404
    assert "personal data" in ada.get("/ada/module").text
    public = {"visibility": "public", "gated": ""}
    assert ada.send("/ada/module/settings", "/ada/module/settings", public).status_code == 403
    headers = {"authorization": f"Bearer {token_of('ada')}"}
    copy = {"repository": "ada/copy", "private": True}
    assert visitor.client.post("/api/models/ada/module/duplicate", json=copy, headers=headers).status_code == 403
    root.send(at, f"{at}/unblock", {"artifact": "ada/module"})
    assert visitor.get("/ada/module").status_code == 200


def test_an_artifact_that_was_private_stays_private_when_it_is_shown_again(root, browse, hub):
    name, at = ArtifactName("ada", "module"), "/administration/files"
    create(name, hub.registry, hub.store, ADA)
    change_settings(hub.registry.database, name, ADA, private=True)
    for _ in range(2):  # The second time changes the reason only.
        root.send(at, at, {"artifact": "ada/module", "file": "", "reason": "personal data"})
    root.send(at, f"{at}/unblock", {"artifact": "ada/module"})
    assert browse().get("/ada/module").status_code == 404
