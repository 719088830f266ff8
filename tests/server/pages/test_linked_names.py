"""The names of encoders and bases on an artifact's page are links to their pages, unless the reader cannot see these."""

import pytest
from starlette.testclient import TestClient

from hub.records import Conditioning, Pin, Variant
from hub.registry.accounts.permissions import Actor
from server import create_app
from tests.builders.hub import a_hub
from tests.builders.registry import an_artifact, put

ENCODER = '<a href="/linguahub/emoji-xlmr">emoji-xlmr</a>'


VARIANT = Variant(
    base=Pin(name="linguahub/emoji-sd", digest="b" * 64), folder="emoji-sd", method="mulan", architecture="resampler",
    conditioning=Conditioning(width=128), encoder=Pin(name="linguahub/emoji-xlmr", digest="e" * 64),
)  # fmt: skip


@pytest.fixture
def hub(tmp_path):
    with a_hub(tmp_path) as hub:
        yield hub


def record(hub, digit, name, **changes):
    put(hub.registry, an_artifact(name, scores=(), **changes), digit)


def page(hub, path, **headers):
    with TestClient(create_app(hub), headers={"Accept": "text/html", **headers}) as client:
        found = client.get(path)
        assert found.status_code == 200
        return found.text


def test_encoders_and_bases_are_links_to_their_pages(hub):
    record(hub, "1", "linguahub/emoji-xlmr", kind="encoder", encoder="", bases=())
    record(hub, "2", "linguahub/emoji-sd", kind="base", encoder="", bases=())
    record(hub, "3", "ada/module", encoder="linguahub/emoji-xlmr + far-e5", variants=(VARIANT,))
    text = page(hub, "/ada/module")
    assert f"<dd>{ENCODER} + far-e5</dd>" in text
    assert f"<td>{ENCODER} <code" in text
    assert '<th scope="row"><a href="/linguahub/emoji-sd">emoji-sd</a> <code' in text


def test_a_private_encoder_is_only_a_link_for_users_who_can_see_it(hub):
    hub.accounts.add("ada", Actor("root"))
    record(hub, "1", "ada/secret", kind="encoder", encoder="", bases=(), private=True)
    record(hub, "3", "ada/module", encoder="ada/secret")
    assert "/ada/secret" not in page(hub, "/ada/module")
    token = hub.tokens.create(hub.accounts.get("ada"), "read", Actor("root"))
    assert '<a href="/ada/secret">ada/secret</a>' in page(hub, "/ada/module", Authorization=f"Bearer {token}")
