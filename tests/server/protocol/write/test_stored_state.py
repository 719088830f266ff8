"""The stored state of a server is complete, and enough to rebuild a lost registry.

Each test has its own hub; otherwise the state would grow with the other tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi
from safetensors.numpy import save

from hub.home import Home
from hub.local import LocalHub
from hub.maintenance.verify import verify
from tests.builders import postgres
from tests.builders.server.people import ROOT, add_people
from tests.builders.serving import serving


@pytest.fixture(params=["sqlite and a folder", "postgres and a bucket"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalHub]:
    """Yield a hub with ada, once on each combination of database and store."""
    environment = {"HUB_HOME": str(tmp_path / "home"), "HUB_CARDS": str(tmp_path / "no-cards")}
    if request.param.startswith("postgres"):
        environment["DATABASE_URL"] = postgres.a_registry(request.getfixturevalue("cluster"))
        environment["STORE_URL"] = request.getfixturevalue("bucket")
    with LocalHub.open(Home.find(environment=environment)) as hub:
        add_people(hub, "ada")
        yield hub


@pytest.fixture
def api(hub: LocalHub) -> Iterator[HfApi]:
    with serving(hub) as address:
        yield HfApi(endpoint=address, token=hub.tokens.create(hub.accounts.get("ada"), "write", ROOT))


def test_stored_files_pass_verification(hub: LocalHub, api: HfApi, repo: str):
    content = save({"weight": np.random.default_rng(11).standard_normal(30_000, dtype=np.float32)})
    api.upload_file(path_or_fileobj=content, path_in_repo="m.safetensors", repo_id=repo)
    assert [each.text for each in verify(hub.registry, hub.store) if each.is_fault] == []
    [file] = [each for each in hub.registry.revision(repo).files if each.path == "m.safetensors"]
    assert file.digest.hex == hashlib.sha256(content).hexdigest()


def test_a_lost_registry_is_rebuilt_with_visibility_and_all_branches(
    hub: LocalHub, api: HfApi, repo: str, tmp_path: Path
):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.create_branch(repo, branch="dev")
    api.upload_file(path_or_fileobj=b"y", path_in_repo="a.txt", repo_id=repo, revision="dev")
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="v1", revision="dev")
    api.create_repo(repo, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"z", path_in_repo="z.txt", repo_id=repo, repo_type="dataset")
    api.update_repo_settings(repo, private=True, gated="manual")
    home = Home(tmp_path / "new.db", hub.home.folder, hub.home.cards, store_url=hub.home.store_url)
    with LocalHub.open(home) as again:
        found = again.registry.get(repo)
        assert (found.private, found.gated, found.kind) == (True, "manual", "model")
        assert again.registry.refs(repo) == hub.registry.refs(repo)
        assert [each.path for each in again.registry.revision(f"datasets/{repo}").files] == [".gitattributes", "z.txt"]
        assert again.registry.revision(repo, "dev").files == hub.registry.revision(repo, "dev").files
        assert again.registry.revision(repo).author == "ada"
