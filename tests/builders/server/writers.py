"""Start a server that Hugging Face's unmodified client writes to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars

from hub.home import Home
from hub.local import LocalHub
from tests.builders import postgres
from tests.builders.buckets import a_bucket
from tests.builders.server.people import ROOT, add_people


@pytest.fixture(scope="session", params=["sqlite and a folder", "postgres and a bucket"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield the storage of the server: every test that writes runs once on each combination of database and store."""
    folder = tmp_path_factory.mktemp("home")
    environment = {"HUB_HOME": str(folder), "HUB_CARDS": str(folder / "no-cards")}
    with pytest.MonkeyPatch.context() as patch:
        if request.param.startswith("postgres"):
            environment["DATABASE_URL"] = postgres.a_registry(request.getfixturevalue("cluster"))
            environment["STORE_URL"] = a_bucket(request.getfixturevalue("s3"), patch)
        yield Home.find(environment=environment)


@pytest.fixture(scope="session")
def written(places: Home) -> Iterator[LocalHub]:
    """Yield an open hub without curated cards, with the users ada and bob, ada's organisation `lab` and the administrator root."""
    disable_progress_bars()
    with LocalHub.open(places) as hub:
        add_people(hub, "ada", "bob", "eve")
        yield hub


@pytest.fixture(scope="session")
def hub(written: LocalHub) -> LocalHub:
    return written


@pytest.fixture(scope="session")
def token_of(hub: LocalHub) -> Callable[..., str]:
    """Return a function that creates a token of a user."""

    def make(name: str, role: str = "write", artifact: str = "") -> str:
        return hub.tokens.create(hub.accounts.get(name), role, ROOT, artifact=artifact)

    return make


@pytest.fixture(scope="session")
def api(endpoint: str, token_of: Callable[..., str]) -> HfApi:
    """Return ada's client."""
    return HfApi(endpoint=endpoint, token=token_of("ada"))


@pytest.fixture(scope="session")
def bobs(endpoint: str, token_of: Callable[..., str]) -> HfApi:
    return HfApi(endpoint=endpoint, token=token_of("bob"))


@pytest.fixture(scope="session")
def nobodys(endpoint: str) -> HfApi:
    return HfApi(endpoint=endpoint, token=False)


@pytest.fixture
def repo(api: HfApi, request: pytest.FixtureRequest) -> str:
    """Return the name of a new repository of ada's."""
    name = request.node.name.partition("[")[0].removeprefix("test_")[:60].strip("_")
    suffix = abs(hash(request.node.nodeid)) % 10**6
    return api.create_repo(f"ada/{name}-{suffix}").repo_id


@pytest.fixture(scope="module")
def shared(api: HfApi) -> str:
    """Return the name of a repository of ada's for all tests of a module, which do not depend on what is in it: to create one takes
    longer than most requests."""
    return api.create_repo(f"ada/shared-{secrets.token_hex(4)}").repo_id


@pytest.fixture(scope="module")
def adas(token_of: Callable[..., str]) -> dict[str, str]:
    """Return the header that authorizes ada."""
    return {"authorization": f"Bearer {token_of('ada')}"}


@pytest.fixture
def fetch(api: HfApi, tmp_path: Path) -> Callable[..., bytes]:
    """Return a function that downloads a file through the client."""

    def fetch(repo: str, path: str, **options: str) -> bytes:
        return Path(api.hf_hub_download(repo, path, cache_dir=tmp_path / "cache", **options)).read_bytes()

    return fetch
