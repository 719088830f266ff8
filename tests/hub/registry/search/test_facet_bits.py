"""Bits of facets in the indexes of sort orders: they leave out no match, and leave out most others."""

import dataclasses

import pytest

from hub.records import Query
from hub.registry.index.facet_bits import bits_in, facet_bits
from hub.registry.index.text import facet_word
from hub.registry.search.criteria import SORT_COLUMNS, told_by_bits
from hub.registry.search.search import find
from hub.registry.search.sorting import facet_counts
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill, names, put

WIDE = tuple(f"{letter}{other}" for letter in "abcdefghij" for other in "aeiou")
SPELLINGS = [
    {"license": "Open RAIL M"}, {"license": "open-rail-m"}, {"base": "Some Base"}, {"base": "ada/some base"}, {"kind": "delta"},
    {"language": "por"}, {"language": "pt-BR"}, {"method": "LoRA"}, {"method": "lora,lcm"}, {"language": "yo,pt", "kind": "delta,encoder"},
]  # fmt: skip


def _one_wanted(registry):
    """Record an artifact to find, and others that differ from it in each facet."""
    wanted = an_artifact(
        "ada/wanted", kind="delta", method="lora", license="Open RAIL M", languages=("pt-BR",), bases=("ada/Some Base",)
    )
    fill(registry, wanted, *(an_artifact(f"ada/other-{number}", languages=("hi",)) for number in range(3)))


shelf, registry = filled_registry(_one_wanted)


@pytest.mark.parametrize("asked", SPELLINGS, ids=str)
def test_a_value_is_found_in_every_sort_order_however_it_is_written(shelf, asked):
    for sort in SORT_COLUMNS:
        assert names(find(shelf.database, Query(**asked, sort=sort), 0)) == ["wanted"]


def test_an_artifact_in_many_languages_has_the_bits_of_each():
    artifact = an_artifact(languages=WIDE)
    for tag in WIDE:
        assert facet_bits(artifact) & bits_in([facet_word("language", tag)]) == bits_in([facet_word("language", tag)])


def test_bits_fit_into_a_signed_integer_of_64_bits():
    assert 0 < facet_bits(an_artifact(languages=WIDE, bases=WIDE)) < 1 << 63


def test_one_value_rarely_has_the_bits_of_another():
    alike = [
        (one, other) for one in WIDE for other in WIDE
        if one < other and bits_in([facet_word("language", one)]) == bits_in([facet_word("language", other)])
    ]  # fmt: skip
    assert len(alike) < 0.02 * len(WIDE) * (len(WIDE) - 1) / 2


def test_bits_change_with_the_card(registry):
    changed = dataclasses.replace(registry.get("ada/wanted"), languages=("yo",))
    put(registry, changed, "a", parent="0" * 64)
    assert names(find(registry.database, Query(language="yo"), 0)) == ["wanted"]
    assert names(find(registry.database, Query(language="pt"), 0)) == []


def test_rows_decide_between_values_with_the_same_bits(registry):
    same, other = ("mulan", "altdiffusion"), "full"
    assert len({bits_in([facet_word("method", method)]) for method in same}) == 1
    fill(registry, *(an_artifact(f"ada/{method}", method=method, languages=("hi",)) for method in (*same, other)))
    counts = facet_counts(registry.database)
    assert told_by_bits({"method": [same[0]], "kind": ["delta"], "owner": ["ada"]}, counts) == {"kind"}
    assert told_by_bits({"method": same}, counts) == {"method"}
    for sort in SORT_COLUMNS:
        asked = Query(method=f"{same[1]},{other}", language="hi", sort=sort)
        assert set(names(find(registry.database, asked, 0))) == {same[1], other}
        assert len(names(find(registry.database, Query(method="altdiffusion", kind="delta", sort=sort), 0))) == 0
