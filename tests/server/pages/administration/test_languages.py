"""Pages of accounts, of the administration and of reports in other languages."""

from __future__ import annotations

import re

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from hub.registry.membership.reset_links import create_reset_link
from hub.registry.moderation.reports import add_report
from server.site.locales import ENGLISH, LOCALES
from tests.builders.server.people import ROOT
from tests.builders.server.scans import mark_malicious

ADA, BOB = Actor("ada"), Actor("bob")
CODE = re.compile(r"<(script|style|pre|code|bdi|textarea)\b.*?</\1>", re.DOTALL)
SENTENCE = re.compile(r">\s*([A-Z][\w'’,;:. -]* [\w'’,;:. -]*[\w'’,;:.])\s*<")
"""A text of two words or more that begins with a capital letter."""
NAMES = {"The lab"}


@pytest.fixture
def pages(hub) -> list[str]:
    """Return the addresses of pages that have something to show."""
    mark_malicious(hub)
    create(ArtifactName("lab", "module"), hub.registry, hub.store, ADA)
    module = hub.registry.get("lab/module")
    add_report(hub.registry.database, module, hub.accounts.get("root"), "scores", "rien", BOB)
    hub.tokens.create(hub.accounts.get("root"), "read", ROOT, name="laptop")
    hub.accounts.set_member(hub.accounts.get("lab"), hub.accounts.get("root"), "admin", ROOT)
    set_account_policy(hub.registry.database, AccountPolicy(sign_up=True, organisations=True), ROOT)
    settings = ("", "/tokens", "/organisations", "/organisations/lab", "/access", "/access?status=accepted")
    settings += ("/reports", "/reports?done=reported", "/security", "/tokens/1/revoke")
    own = ("", "/users", "/users/ada", "/users/lab", "/storage", "/reports", "/reports/1", "/files", "/jobs", "/audit")
    return [
        *(f"/settings{each}" for each in settings),
        *(f"/administration{each}" for each in own),
        "/lab/module/report",
    ]


@pytest.fixture
def visitor_pages(hub) -> list[str]:
    set_account_policy(hub.registry.database, AccountPolicy(sign_up=True, organisations=True), ROOT)
    return ["/signup", create_reset_link(hub.registry.database, "ada", ROOT).path]


def sentences(page: str) -> set[str]:
    return set(SENTENCE.findall(CODE.sub("", page))) - NAMES


def check(browser, addresses: list[str]) -> None:
    """Read each page in English and in another language: in Arabic, in French, and so on."""
    others = [each for each in LOCALES if each is not ENGLISH]
    for number, address in enumerate(addresses):
        locale = others[number % len(others)]
        browser.headers = {"accept-language": ENGLISH.tag}
        english = browser.get(address)
        assert english.status_code == 200, address
        assert sentences(english.text), address
        browser.headers = {"accept-language": locale.tag}
        text = browser.get(address).text
        assert f'<html lang="{locale.tag}" dir="{locale.direction}">' in text, address
        assert not re.search(r"%\(\w+\)s|%%", text), address
        assert sentences(text) & sentences(english.text) == set(), (address, locale.tag)


def test_pages_of_an_administrator_have_no_english_sentence_in_other_languages(browser, hub, pages):
    browser.enter(hub, "root")
    check(browser, pages)


def test_pages_to_sign_up_and_to_reset_a_password_have_no_english_sentence_in_other_languages(browser, visitor_pages):
    check(browser, visitor_pages)
