"""Start a server with users, and browsers that submit forms as real browsers do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from server import create_app
from tests.builders.serving import serving

ROOT = Actor("root")
PASSWORD = "correct horse battery"
OTHER_PASSWORD = "another horse entirely"


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the registry that every test starts with; built once, because Argon2 and the migrations are slow."""
    folder = tmp_path_factory.mktemp("furnished")
    with LocalHub.open(Home(folder / "registry.db", folder, folder / "cards")) as hub:
        furnish(hub)
    return folder / "registry.db"


def furnish(hub: LocalHub) -> None:
    """Add the users that the fixture `hub` describes."""
    add_people(hub, "ada", "bob")
    for name in ("ada", "bob"):
        hub.accounts.set_password(name, PASSWORD, ROOT)


def add_people(hub: LocalHub, *names: str) -> None:
    """Add users, the administrator root, and ada's organisation `lab`."""
    for name in names:
        hub.accounts.add(name, ROOT, full_name=name.capitalize())
    hub.accounts.add("root", ROOT, is_admin=True)
    hub.accounts.add("lab", ROOT, kind="organisation", full_name="The lab")
    hub.accounts.set_member(hub.accounts.get("lab"), hub.accounts.get("ada"), "admin", ROOT)


@pytest.fixture
def hub(tmp_path: Path, furnished: Path) -> Iterator[LocalHub]:
    """Yield a hub with the users ada and bob (PASSWORD), the administrator root, and ada's organisation `lab`."""
    shutil.copy(furnished, tmp_path / "registry.db")
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path, tmp_path / "cards")) as opened:
        yield opened


@pytest.fixture
def token_of(hub: LocalHub) -> Callable[..., str]:
    """Return a function that creates a token of a user."""

    def make(name: str, role: str = "write", artifact: str = "") -> str:
        return hub.tokens.create(hub.accounts.get(name), role, ROOT, artifact=artifact)

    return make


@pytest.fixture
def endpoint(hub: LocalHub) -> Iterator[str]:
    with serving(hub) as address:
        yield address


@dataclass
class Browser:
    """A client that keeps cookies and submits forms with the hidden token of their page."""

    client: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers={"accept": "text/html", **self.headers})

    def send(self, page: str, action: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Submit a form of `page`."""
        return self.post(action, {"form": self.csrf_token(page), **(fields or {})}, **headers)

    def post(self, action: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        origin = str(self.client.base_url).rstrip("/")
        sent = {"accept": "text/html", "origin": origin, "sec-fetch-site": "same-origin", **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(action, data=fields, headers={name: value for name, value in sent.items() if value})

    def csrf_token(self, page: str) -> str:
        found = re.search(r'name="form" value="([\w-]+)"', self.get(page).text)
        assert found, f"{page} has no form"
        return found[1]

    def enter(self, hub: LocalHub, name: str = "ada") -> None:
        """Log in without the form and without the cost of Argon2, for tests of later steps."""
        secret = Sessions(hub.registry.database).begin(hub.accounts.get(name), Actor(name, "password", "192.0.2.1"))
        self.client.cookies.set("linguahub", secret, domain=self.client.base_url.host)

    def log_in(self, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
        return self.send("/login", "/login", {"name": name, "password": password})


@pytest.fixture
def browse(hub: LocalHub) -> Iterator[Callable[..., Browser]]:
    """Yield a function that makes another browser, with an address from the documentation range."""
    app = create_app(hub)
    with ExitStack() as opened:

        def make(address: str = "192.0.2.1", scheme: str = "http") -> Browser:
            client = TestClient(app, f"{scheme}://hub.example", follow_redirects=False, client=(address, 50000))
            return Browser(opened.enter_context(client))

        yield make


@pytest.fixture
def browser(browse: Callable[..., Browser]) -> Browser:
    return browse()
