"""A text finds the same whether its matches are all listed or the first of many are found: by facets, by names, or by words."""

import pytest

from hub.records import Query
from hub.registry import Registry
from hub.registry.search import first_ids, names_first
from hub.registry.search.criteria import criteria_of, read_literally
from hub.registry.search.first_ids import first_ids as find_first
from hub.registry.search.search import find
from hub.registry.search.sorting import facet_counts
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill

ARTIFACTS = {
    "ada/mulan-sdxl-yo": {"method": "mulan", "bases": ("ada/sdxl",)},
    "ada/mulan-sdxl-hi": {"method": "mulan", "bases": ("sdxl",), "languages": ("hi",)},
    "bob/lora-sd15-yo": {"method": "lora", "bases": ("sd15",), "summary": "Reads mulan-sdxl prompts."},
    "bob/prompts": {"method": "lora", "bases": ("sdxl", "sd15"), "kind": "delta"},
    "bob/clip-yo": {"method": "altdiffusion", "bases": ("sd15",), "license": "MIT"},
}
MULAN = {"mulan-sdxl-yo", "mulan-sdxl-hi", "lora-sd15-yo"}
TEXTS = {
    "sdxl": {*MULAN, "prompts"},
    "sdx": {*MULAN, "prompts"},
    "mula": MULAN,
    "mulan-sdxl": MULAN,
    "mulan-sd": MULAN,
    "sdx mul": MULAN,
    "lora delt": {"prompts"},
    "mulan sd15": {"lora-sd15-yo"},
    "prompts sd15": {"prompts", "lora-sd15-yo", "clip-yo"},
    "altdiffusion": {"clip-yo"},
    "lora sdxm": set(),
}


def _fill(registry):
    fill(registry, *(an_artifact(name, **fields) for name, fields in ARTIFACTS.items()))


registry, own_registry = filled_registry(_fill)


@pytest.mark.parametrize("candidates", [0, 1, 500])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_finds_the_same_however_many_artifacts_match(registry, text, candidates):
    page = find(registry.database, Query(text=text), candidates, reading=read_literally(text))
    assert {each.name.name for each in page.items} == TEXTS[text]


@pytest.mark.parametrize("text", [text for text, found in TEXTS.items() if found])
def test_each_first_match_is_one_of_all(registry: Registry, text, monkeypatch):
    monkeypatch.setattr(first_ids, "MAX_NAMES", 1)
    counts = facet_counts(registry.database)
    criteria = criteria_of(Query(), read_literally(text), counts, None, ())
    all_matches = registry.database.match_ids(criteria.prefixes, criteria.word_groups, 500)
    for limit in range(3):
        found = find_first(registry.database, criteria, limit, counts)
        assert len(found) == min(limit + 1, len(all_matches))
        assert set(found) <= set(all_matches)


@pytest.mark.parametrize(("max_named", "expected"), [(200, {"lora-sd15-yo", "clip-yo", "mulan-sdxl-yo"}), (2, set())])
def test_a_part_of_few_names_is_found_and_one_of_many_is_not(registry, monkeypatch, max_named, expected):
    monkeypatch.setattr(names_first, "MAX_NAMED", max_named)
    reading = read_literally("-yo")
    for many in (0, 10_000):
        monkeypatch.setattr(names_first, "_MANY", many)
        counts = facet_counts(registry.database)
        tiers = names_first.names_first(registry.database, reading, criteria_of(Query(), reading, counts, None, ()))
        ids = {row[0]: row[1] for row in registry.database.rows("SELECT id, name FROM artifacts")}
        assert {ids[each] for each in tiers} == expected
