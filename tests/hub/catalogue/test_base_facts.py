"""Facts of bases come from their cards, the registry and the tables of costs."""

from __future__ import annotations

import pytest

from hub.catalogue.base_facts import base_page, base_path, list_bases
from hub.errors import UnknownBase
from hub.local import LocalHub
from hub.records import Query


@pytest.fixture(scope="module")
def hub():
    with LocalHub.open() as opened:
        yield opened


def test_the_list_has_every_base_with_the_facts_of_its_card(hub):
    bases, total = list_bases(hub.registry, hub.store, ())
    assert total == len(bases) == hub.registry.find(Query(kind="base", limit=0)).total
    known = {each.short: each for each in bases}
    sd15 = known["sd15"]
    assert sd15.family == "SD 1, 2"
    assert sd15.encoders == "the text encoder of CLIP ViT-L/14, English, 77 tokens"
    assert sd15.memory_bytes == 2 * (859520964 + 123060480 + 83653863)
    assert sd15.commercial_use == "allowed under the conditions of the licence"
    assert known["emoji-sd"].encoders == "the text encoder of `emoji-clip`"
    assert known["emoji-sd"].artifacts > 20


def test_modules_are_counted_by_language_as_a_search_counts_them(hub):
    page = base_page(hub.registry, hub.store, "emoji-sd", ())
    assert page.languages["yo"] == hub.registry.find(Query(base="emoji-sd", language="yo", kind="", limit=0)).total - (
        page.languages.get("mul", 0)
    )
    assert page.total == hub.registry.find(Query(base="emoji-sd", limit=0)).total
    assert {row["language"] for row in page.parity["rows"]} >= {"yo", "ha", "zh"}


def test_bases_that_read_the_same_embeddings_are_named(hub):
    page = base_page(hub.registry, hub.store, "sd15", ())
    assert {"altdiffusion-m2", "taiyi-sd"} <= set(page.similar)
    assert "sdxl" not in page.similar
    assert page.costs[0].what == "image"
    assert all(each.source for each in page.costs)


@pytest.mark.parametrize(
    "name", ["sd15", "SD 1.5", "runwayml/stable-diffusion-v1-5", "Stable Diffusion 1.5", "linguahub/sd15"]
)
def test_all_names_of_a_base_lead_to_one_address(hub, name):
    page = base_page(hub.registry, hub.store, name, ())
    assert base_path(hub.registry, page.base, ()) == "/bases/sd15"


def test_an_unknown_base_is_answered_with_similar_names(hub):
    with pytest.raises(UnknownBase) as error:
        base_page(hub.registry, hub.store, "sdxll", ())
    assert "sdxl" in error.value.suggestions
