"""Every page of the server, with an address to open it at. Pages are found by their routes, so that a new one cannot be left out."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hub.local import LocalHub
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from hub.registry.membership.reset_links import create_reset_link
from hub.registry.moderation.reports import REASONS, add_report
from server import create_app
from server.part import server_parts
from server.parts.try_it.part import TryIt
from server.parts.try_it.service import running_service
from server.parts.try_it.settings import Settings
from server.routes import GENERAL, SPECIFIC
from tests.builders.server.imitated_worker import COMMAND
from tests.builders.server.people import ROOT, add_people
from tests.builders.serving import served

_NOT_PAGES = re.compile(
    # Answers of APIs and of Git, addresses that are refused, and files.
    r"^/(api/|(fonts|lfs|cas|uploads|papers|spaces|kernels|buckets|collections)\b)|\.git/|/info/refs$|/(raw|resolve)/|/viewer/{revision}/{image}$|/share\.png$"
    r"|^/(feed\.atom|robots\.txt|favicon\.ico|sitemap.*)$"
)
RESET_LINK = "RESET-LINK"
"""Stands for the secret of a link in addresses; `made` has it."""
_VALUES = {
    "collection:prefix": "", "repository:repository": "linguahub/pea-many", "owner": "linguahub", "name": "pea-many",
    "revision": "main", "path:path": "emoji-sd/config.json", "tag": "yo", "job": "no-such-job", "number": "1", "base:path": "sd15", "method": "mulan",
    "benchmark": "emoji-generation", "secret": RESET_LINK,
}  # fmt: skip
"""The value of each path parameter. A page with another parameter needs an entry here."""
_ARTIFACT = "/{collection:prefix}{repository:repository}"
_EXAMPLES = {
    f"{_ARTIFACT}/tree/{{revision}}/{{path:path}}": "/linguahub/pea-many/tree/main/emoji-sd",
    f"{_ARTIFACT}/edit/{{revision}}/{{path:path}}": "/ada/first-yo/edit/main/README.md",
    "/{collection:prefix}{owner}/{name}/viewer": "/datasets/linguahub/emoji/viewer?lang=ar&split=pairs",
    "/settings/organisations/{name}": "/settings/organisations/crew",
    "/administration/users/{name}": "/administration/users/ada",
    "/study/{name}": "/study/questions",
}  # fmt: skip
"""Addresses of pages that need other values."""
_FURTHER = {
    "/": ("/?text=yorba", "/?lang=yo&kind=adapter&metric=r_precision_at_1&sort=metric", "/?lang=yo&base=none"),
    "/bases/{base:path}": ("/bases/emoji-sd", "/bases/no-such-base"),
    "/methods/{method}": ("/methods/mclip", "/methods/gluegen"),
    "/benchmarks/{benchmark}": ("/benchmarks/study-efficiency",),
    "/compare": ("/compare?artifact=memory-yo", "/compare?artifact=memory-yo&artifact=mulan-yo&artifact=pea-many"),
    "/leaderboard": ("/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1",),
    "/recommend": ("/recommend?lang=yo&base=emoji-sd", "/recommend?lang=yo"),
    "/try": ("/try?lang=vi",),
    "/try/{job}": ("/try/no-such-job?prompt=igi",),
    _ARTIFACT: (
        "/linguahub/emoji-sd", "/datasets/linguahub/emoji", "/ada/first-yo", "/ada/first-ar", "/bob/withdrawn", "/linguahub/no-such-module", "/linguahub", "/ada",
    ),
    "/{collection:prefix}{owner}/{name}/scores": ("/ada/first-ar/scores",),
    f"{_ARTIFACT}/blob/{{revision}}/{{path:path}}": (
        "/linguahub/pea-many/blob/main/emoji-sd/model.safetensors", "/ada/first-yo/blob/main/README.md", "/ada/first-yo/blob/main/sample.png",
    ),
}  # fmt: skip
"""More addresses of a page that looks different for other contents."""
FOR_VISITORS = {"/", "/login", "/signup", f"/reset/{RESET_LINK}", "/linguahub/pea-many", "/try", "/compare"}
"""Pages that are opened without an account; the others are opened as an administrator, who sees more of them."""
IN_ARABIC = ("/", "/languages/yo", "/linguahub/pea-many", "/linguahub/pea-many/scores", "/status", "/try")
"""Pages that are also opened in a language from right to left."""


def page_addresses() -> list[tuple[str, str]]:
    """Return the addresses of all pages, each with who opens it: a visitor, an administrator or a reader of Arabic."""
    parts = [route for part in server_parts() for route in part.routes()]
    pages = {
        route.endpoint: route.path  # Of two paths of one page, one is enough.
        for route in (*SPECIFIC, *parts, *GENERAL)
        if "GET" in route.methods.split() and not _NOT_PAGES.search(route.path)
    }
    addresses = sorted({address for path in pages.values() for address in (_example(path), *_FURTHER.get(path, ()))})
    return [
        *((address, "visitor" if address in FOR_VISITORS else "administrator") for address in addresses),
        *((address, "reader of Arabic") for address in IN_ARABIC),
    ]


def _example(path: str) -> str:
    def value(parameter: re.Match[str]) -> str:
        name = parameter[1]
        assert name in _VALUES, f"the page {path} needs a value for {{{name}}}: add one to {__name__}"
        return _VALUES[name]

    return _EXAMPLES.get(path) or re.sub(r"{([^}]+)}", value, path)


@pytest.fixture(scope="module")
def people(published: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """Yield the published artifacts with accounts: ada, bob and the administrator root. The store is shared, the registry is a copy."""
    database = tmp_path_factory.mktemp("every-page") / "registry.db"
    _copy(published.home.database, database)
    with LocalHub.open(replace(published.home, database=database)) as opened:
        add_people(opened, "ada", "bob")
        opened.tokens.create(opened.accounts.get("root"), "write", ROOT, name="laptop")
        opened.accounts.add("crew", ROOT, kind="organisation")
        opened.accounts.set_member(opened.accounts.get("crew"), opened.accounts.get("root"), "admin", ROOT)
        set_account_policy(opened.registry.database, AccountPolicy(sign_up=True, organisations=True), ROOT)
        artifact, bob = opened.registry.get("ada/first-yo"), opened.accounts.get("bob")
        add_report(
            opened.registry.database, artifact, bob, next(iter(REASONS)), "The card names no source.", Actor("bob")
        )
        yield opened


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@pytest.fixture(scope="module")
def site(people: LocalHub) -> Iterator[str]:
    """Yield the address of a server with all parts, whose images come from an imitated process."""
    parts = (*(part for part in server_parts() if part.name != "try-it"), TryIt())
    with running_service(Settings(), COMMAND) as socket, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_TRY_SOCKET", str(socket))
        with served(create_app(people, parts=parts, rates=None), force=True) as running:
            yield running.address


@pytest.fixture(scope="module")
def made(people: LocalHub) -> dict[str, str]:
    """Return the values that stand in no address before they are made."""
    return {RESET_LINK: create_reset_link(people.registry.database, "bob", ROOT).path.rpartition("/")[2]}


@pytest.fixture(scope="module")
def administrator(people: LocalHub) -> str:
    """Return the session of an administrator, the value of the cookie `linguahub`."""
    root = people.accounts.get("root")
    return Sessions(people.registry.database).begin(root, Actor("root", "password", "127.0.0.1"))
