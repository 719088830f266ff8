"""A user in a real browser logs in, creates a token, authorizes a device and logs out, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from server.parts.device_login.oauth import DEVICE, HUGGING_FACE
from tests.builders.chromium import MARKS, a_page, browser
from tests.builders.server.people import PASSWORD

__all__ = ["browser"]
pytestmark = MARKS


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, browser: Browser, endpoint: str) -> Iterator[Page]:
    with a_page(browser, endpoint, java_script_enabled=request.param) as page:
        yield page


def test_a_user_logs_in_creates_a_token_authorizes_a_device_and_logs_out(page: Page, hub, endpoint: str):
    page.goto("/?lang=yo")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="ada", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")

    page.get_by_role("link", name="Tokens").click()
    page.get_by_label("Token name").fill("laptop")
    page.get_by_label("Permissions").select_option("write")
    page.get_by_label("Expiration").select_option("30 days")
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("#new-token").inner_text()
    assert hub.tokens.caller(secret).account.name == "ada"
    page.reload()
    expect(page.get_by_role("row", name="laptop")).to_have_count(1)
    assert secret not in page.content()

    codes = httpx.post(f"{endpoint}/oauth/device", data={"client_id": HUGGING_FACE}).json()
    page.goto(codes["verification_uri_complete"])
    expect(page.get_by_text(codes["user_code"])).to_be_visible()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("is logged in as ada")).to_be_visible()
    given = {"grant_type": DEVICE, "client_id": HUGGING_FACE, "device_code": codes["device_code"]}
    assert "access_token" in httpx.post(f"{endpoint}/oauth/token", data=given).json()

    page.goto("/settings/tokens")
    page.get_by_role("link", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("row", name="laptop")).to_have_count(0)
    assert hub.tokens.caller(secret) is None
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.goto("/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
