"""A base is found by the names that people write, and only its card can give it one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.errors import InvalidRequest, UnknownBase
from hub.publish.composition import find_base
from hub.records import Query, Upstream
from hub.registry.names.base_names import squeeze
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill, names

XL = Upstream(repository="stabilityai/stable-diffusion-xl-base-1.0", file="model_index.json")


def a_base(name: str, **changes):
    return an_artifact(name, kind="base", method="", bases=(), encoder="", scores=(), languages=("en",), **changes)


def _fill(registry):
    fill(
        registry,
        a_base("linguahub/sdxl", upstream=(XL,), aliases=("Stable Diffusion XL",)),
        a_base("linguahub/sd15", aliases=("runwayml/stable-diffusion-v1-5", "PixArt-α")),
        a_base("eve/evil", aliases=("Lykon/dreamshaper-8", "SDXL turbo")),
        a_base("local/stable-diffusion-xl"),
        replace(a_base("local/secret", aliases=("my own",)), private=True),
        an_artifact("local/for-xl", bases=("sdxl",)),
        an_artifact("eve/for-upstream-xl", bases=("stabilityai/stable-diffusion-xl-base-1.0",)),
        an_artifact("local/for-15", bases=("sd15",)),
    )


bases, own_bases = filled_registry(_fill)


@pytest.mark.parametrize("name", ["sd15", "SD15", "sd 1.5", "sd-1.5", "SD_1.5", "runwayml/stable-diffusion-v1-5", "linguahub/sd15", "pixart-Α"])  # fmt: skip
def test_a_name_can_be_written_in_any_usual_way(bases, name):
    assert find_base(bases, name).name.name == "sd15"


@pytest.mark.parametrize("name", ["SDXL", "stabilityai/stable-diffusion-xl-base-1.0", "stable-diffusion-xl-base-1.0"])
def test_the_repository_upstream_is_a_name_with_and_without_its_owner(bases, name):
    assert find_base(bases, name).name.name == "sdxl"


def test_a_bases_own_name_comes_before_the_alias_of_another_one(bases):
    assert str(find_base(bases, "Stable Diffusion XL").name) == "local/stable-diffusion-xl"


@pytest.mark.parametrize(
    "name", ["Lykon/dreamshaper-8", "sdxl turbo", "someone/stable-diffusion-v1-5", "my own", "", "a" * 5000]
)
def test_the_card_of_a_stranger_and_a_private_one_take_no_name(bases, name):
    with pytest.raises(UnknownBase):
        find_base(bases, name)


def test_an_unknown_name_is_answered_with_similar_ones_of_all_kinds(bases):
    with pytest.raises(UnknownBase, match=r"Did you mean `runwayml/stable-diffusion-v1-5`"):
        find_base(bases, "runwayml/stable-difusion-v1.5")
    with pytest.raises(InvalidRequest, match="`for-xl` is of kind adapter, not a base"):
        find_base(bases, "for-xl")


@pytest.mark.parametrize("name", ["sdxl", "SDXL", "stabilityai/stable-diffusion-xl-base-1.0"])
def test_a_search_by_any_name_of_a_base_finds_modules_that_use_another_name_of_it(bases, name):
    assert sorted(names(bases.find(Query(base=name)))) == ["for-upstream-xl", "for-xl"]


def test_a_search_by_an_unknown_base_finds_modules_that_name_it(own_bases):
    fill(own_bases, an_artifact("local/for-new", bases=("new-base",)))
    assert names(own_bases.find(Query(base="someone/New-Base"))) == ["for-new"]


def test_names_are_compared_without_case_spaces_and_accents():
    assert squeeze("Stäble Diffusion—XL 1.0") == "stablediffusionxl10"
