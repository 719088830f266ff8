"""A card is parsed and rendered once, and only as much of it as can be read on a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from starlette.testclient import TestClient

from hub.names import ArtifactName, Digest
from hub.records import Artifact, File, Revision
from server import create_app
from server.http import card
from tests.builders.hub import a_hub


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Return a function that creates two artifacts with the same README.md, and returns a client."""
    with a_hub(tmp_path) as hub, TestClient(create_app(hub)) as client:

        def make(text: str) -> TestClient:
            digest, size = hub.store.put(text.encode())
            for digit in "12":
                name = ArtifactName("ada", f"card-{digit}")
                artifact = Artifact(name=name, kind="model", summary="", license="", languages=())
                files = (File("README.md", digest, size),)
                revision = Revision(id=digit * 64, artifact=name, number=1, created_at=None, message="", files=files)
                hub.registry.record(artifact, revision, None)
            return client

        yield make


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """Return the lengths of the texts that were rendered."""
    lengths: list[int] = []
    genuine = MarkdownIt.render
    monkeypatch.setattr(
        MarkdownIt, "render", lambda self, text, env: lengths.append(len(text)) or genuine(self, text, env)
    )
    return lengths


def test_a_card_is_rendered_once_for_all_artifacts_and_views(pages, rendered):
    client = pages(
        "---\nlicense: mit\n---\n# Once\n\n![a](./a b.png) [c](folder/c%20d.md#e) [f](https://example.org/\0)"
    )
    for name in ("card-1", "card-2", "card-1"):
        text = client.get(f"/ada/{name}").text
        files = f"/ada/{name}/resolve/{name[-1] * 40}"
        assert f'href="{files}/folder/c%20d.md' in text
        assert "\0" not in text
    assert len(rendered) == 1


def test_a_long_card_is_shortened_with_a_link_to_all_of_it(pages, rendered):
    client = pages("---\nlicense: mit\n---\n" + "Some *prose* here.\n\n" * 110_000)
    text = client.get("/ada/card-1").text
    assert "This card is too long" in text
    assert f'href="/ada/card-1/resolve/{"1" * 40}/README.md"' in text
    assert card.MAX_PROSE - 100 < sum(rendered) <= card.MAX_PROSE
    assert len(text) < 10 * card.MAX_PROSE


def test_one_long_line_is_cut_too(pages, rendered):
    assert "This card is too long" in pages("x" * 300_000).get("/ada/card-1").text
    assert sum(rendered) == card.MAX_PROSE


def test_the_caches_have_a_bounded_size(monkeypatch):
    monkeypatch.setattr(card, "_MAX_CACHED", 10)
    cache = card.CardCache[str]()
    first, second, third = (Digest(digit * 64) for digit in "123")
    cache.keep(first, "a", 5)
    cache.keep(second, "b", 5)
    assert cache.find(first) == "a"
    cache.keep(third, "c", 5)
    assert [cache.find(each) for each in (first, second, third)] == ["a", None, "c"]
    assert cache.keep(first, "too long", 11) == "too long"
    assert cache.find(first) is None
