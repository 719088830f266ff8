"""Build a hub with users: ada owns the published artifacts, bob owns none, and root is an administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.conditioning import Conditioning
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Provenance
from server import create_app
from tests.builders import postgres
from tests.builders.artifacts import a_card, a_folder, a_score, some_weights
from tests.builders.registry import reproduce_claims
from tests.builders.server.people import ROOT

Header = Callable[..., dict[str, str]]
READS = Conditioning(width=128, length=16)
"""The conditioning of `a_variant_config`."""
NAME = "/api/v1/artifacts/ada/yo"
ON_BOTH = pytest.mark.parametrize("hub", ["sqlite", "postgres"], indirect=True, scope="module")
"""Runs tests with complex registry queries once on each database."""


def _home(request: pytest.FixtureRequest, folder: Path) -> Home:
    address = ""
    if getattr(request, "param", "sqlite") == "postgres":
        address = postgres.a_registry(request.getfixturevalue("cluster"))
    return Home(folder / "registry.db", folder, folder / "no-cards", database_url=address)


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """Yield a hub on SQLite, or also on PostgreSQL for a test module that is marked with ON_BOTH.

    `ada/yo` has two revisions and fits two of three bases; `ada/claims` has a good score that a paper reports. The
    self-reported scores of both are reproduced."""
    folder = tmp_path_factory.mktemp("hub")
    with LocalHub.open(_home(request, folder)) as opened:
        for name in ("ada", "bob"):
            opened.accounts.add(name, ROOT)
        opened.accounts.add("root", ROOT, is_admin=True)

        def put(name: str, path: Path) -> None:
            publish(path, ArtifactName.parse(name, "ada"), opened.registry, opened.store, message=f"Publish {name}")

        for base, reads in (("emoji-sd", READS), ("twin-sd", READS), ("wide-sd", Conditioning(width=2048))):
            card = a_card(
                kind="base", method="", bases=(), encoder="", scores=(), languages=("en",), conditioning=reads
            )
            put(f"linguahub/{base}", a_folder(folder / base, card, variants=()))
        put("ada/yo", a_folder(folder / "yo", a_card(encoder="", scores=(a_score(0.3),))))
        changed = a_folder(
            folder / "yo", a_card(encoder="", summary="Better.", scores=(a_score(0.7), a_score(0.6, seed=1)))
        )
        some_weights(changed / "emoji-sd" / "more.safetensors")
        put("ada/yo", changed)
        put("linguahub/mulan-yo", a_folder(folder / "mulan-yo", a_card(encoder="", languages=("sw",), scores=())))
        reported = a_score(0.99, provenance=Provenance.REPORTED, source="a paper, table 2", low=None, high=None)
        put("ada/claims", a_folder(folder / "claims", a_card(scores=(reported, a_score(0.5)))))
        for name in ("ada/yo", "ada/claims"):
            reproduce_claims(opened, name)
        yield opened


@pytest.fixture(scope="module")
def client(hub: LocalHub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def as_(hub: LocalHub) -> Callable[..., dict[str, str]]:
    """Return a function that makes the authorization header of a user."""

    def header(name: str, role: str = "write", artifact: str = "") -> dict[str, str]:
        secret = hub.tokens.create(hub.accounts.get(name), role, ROOT, artifact=artifact)
        return {"Authorization": f"Bearer {secret}"}

    return header


@pytest.fixture
def new_score() -> Callable[..., dict[str, Any]]:
    """Return a function that makes the body of a measured score."""

    def body(**changes: Any) -> dict[str, Any]:
        return {
            "metric": "r_precision_at_1", "value": 0.9, "benchmark": "emoji-generation", "benchmark_digest": "d" * 64, "split": "seen",
            "language": "yo", "base": "emoji-sd", "sample_size": 256, "seed": 3, "low": 0.85, "high": 0.95, "revision": "main",
            "run": "hub evaluate yo --benchmark emoji-generation", "machine": "two cores", **changes,
        }  # fmt: skip

    return body
