"""People in a real browser: a token for an upload, an administrator and a malicious file, sign-up with a forgotten password."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from playwright.sync_api import Browser, Page, expect

from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from tests.builders.chromium import MARKS, a_page, browser
from tests.builders.server.people import OTHER_PASSWORD, PASSWORD, ROOT

__all__ = ["browser"]
pytestmark = MARKS


@pytest.fixture
def page(browser: Browser, endpoint: str) -> Iterator[Page]:
    with a_page(browser, endpoint, java_script_enabled=False) as page:
        yield page


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_token_from_the_page_uploads_until_it_is_revoked(page: Page, endpoint: str):
    log_in(page, "ada")
    page.goto("/settings/tokens")
    page.get_by_label("Token name").fill("laptop")
    page.get_by_label("Permissions").select_option("write")
    page.get_by_role("button", name="Create token").click()
    api = HfApi(endpoint=endpoint, token=page.locator("#new-token").inner_text())
    api.create_repo("module")
    api.upload_file(path_or_fileobj=b"hello", path_in_repo="notes.txt", repo_id="ada/module")
    page.goto("/ada/module/tree/main")
    expect(page.get_by_role("link", name="notes.txt", exact=True)).to_be_visible()
    page.goto("/settings/tokens")
    page.get_by_role("link", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_text("The token was revoked.")).to_be_visible()
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api.whoami()


def test_a_reader_reports_a_file_and_an_administrator_blocks_it(page: Page, hub, endpoint: str, token_of):
    api = HfApi(endpoint=endpoint, token=token_of("ada"))
    api.create_repo("module")
    api.upload_file(path_or_fileobj=b"rm -rf ~", path_in_repo="install.txt", repo_id="ada/module")
    log_in(page, "bob")
    page.goto("/ada/module")
    page.get_by_role("link", name="Report", exact=True).click()
    page.get_by_label("Malware").check()
    page.get_by_label("Describe what is wrong, and where").fill("install.txt removes the home folder")
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_text("will read your report")).to_be_visible()
    page.get_by_role("button", name="Log out").click()

    hub.accounts.set_password("root", PASSWORD, ROOT)
    log_in(page, "root")
    page.goto("/settings")
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("link", name="Reports 1").click()
    page.get_by_role("link", name="Report 1").click()
    page.get_by_label("File (leave empty").fill("install.txt")
    page.get_by_label("Reason (shown to the owner)").fill("it removes files")
    page.get_by_role("button", name="Hide or block").click()
    expect(page.get_by_role("row", name="install.txt")).to_contain_text("it removes files")
    refused = httpx.get(f"{endpoint}/ada/module/resolve/main/install.txt")
    assert refused.status_code == 403
    assert "it removes files" in refused.json()["error"]


def test_a_visitor_signs_up_forgets_the_password_and_gets_a_link(page: Page, browser: Browser, hub, endpoint: str):
    set_account_policy(hub.registry.database, AccountPolicy(sign_up=True, organisations=False), ROOT)
    page.goto("/login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill("zoe")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm new password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("zoe")

    hub.accounts.set_password("root", PASSWORD, ROOT)
    with a_page(browser, endpoint) as other:
        log_in(other, "root")
        other.goto("/administration/users?text=zo")
        other.get_by_role("link", name="zoe").click()
        other.get_by_role("button", name="Create a reset link").click()
        link = other.locator("#reset-link").inner_text()
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(OTHER_PASSWORD)
    page.get_by_label("Confirm new password").fill(OTHER_PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    log_in(page, "zoe", OTHER_PASSWORD)
    page.goto("/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("zoe")


def test_a_double_click_sends_a_form_once_and_an_expired_session_keeps_the_typed_text(
    browser: Browser, hub, endpoint: str
):
    with a_page(browser, endpoint) as page:
        log_in(page, "ada")
        page.goto("/settings/tokens")
        page.get_by_role("button", name="Create token").dblclick()
        expect(page.locator("#new-token")).to_be_visible()
        assert len(hub.tokens.of(hub.accounts.get("ada"))) == 1
        page.goto("/settings")
        page.get_by_label("About you").fill("A long text that took an hour.")
        hub.registry.database.execute("DELETE FROM sessions")
        page.get_by_role("button", name="Save").click()
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_label("About you")).to_have_value("A long text that took an hour.")
