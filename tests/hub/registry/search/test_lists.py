"""Lists as Hugging Face clients request them: by tags, part of the name or size; by time, likes or trend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.names import ArtifactName
from hub.records import PLAIN, Query
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings, like
from hub.registry.index.tags import name_part_words, name_trigrams
from hub.registry.index.trending import HALF_LIFE_DAYS, score, weight
from hub.registry.search.search import find
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill

ROOT = Actor("root")


def a_model(name, **fields):
    plain = {"kind": PLAIN, "variants": (), "bases": (), "scores": (), "method": "", "languages": (), "tags": ()}
    return an_artifact(name, **{**plain, **fields})


def _fill(registry):
    fill(
        registry,
        a_model("ada/Sea-Words.v1", tags=("boats", "peft"), languages=("yo",), weights={"a" * 64: {"F32": 999}}),
        a_model("ada/sea_wind", tags=("boats",), weights={"b" * 64: {"F16": 1_000_000, "F32": 1}}),
        a_model("bob/land", kind="dataset", tags=("boats",)),
        a_model("bob/mountain", license="MIT", bases=("linguahub/emoji-sd",)),
    )


registry, own_registry = filled_registry(_fill)


def names(registry, candidates=500, **query):
    page = find(registry.database, Query(**query), candidates)
    return [str(each.name) for each in page.items]


DENSE_OR_SPARSE = pytest.mark.parametrize("candidates", [0, 500], ids=["dense", "sparse"])
"""With no candidates, every match is read from the index of the sort order, as among a million artifacts."""


@DENSE_OR_SPARSE
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("sea",), ["ada/Sea-Words.v1", "ada/sea_wind"]),
        (("SEA-w",), ["ada/Sea-Words.v1"]),
        (("sea_",), ["ada/sea_wind"]),
        (("a_w",), ["ada/sea_wind"]),
        (("a/s",), ["ada/Sea-Words.v1", "ada/sea_wind"]),
        (("v1",), ["ada/Sea-Words.v1"]),
        (("1",), ["ada/Sea-Words.v1"]),
        (("nd",), ["datasets/bob/land", "ada/sea_wind"]),
        (("ea", "wind"), ["ada/sea_wind"]),
        (("sea wind",), []),
        (("%",), []),
        (("words-sea",), []),
        (("|",), []),
    ],
)
def test_a_part_of_the_name_is_found_wherever_it_stands(registry, candidates, parts, expected):
    assert names(registry, candidates, parts=parts, sort="name") == expected


def test_lists_of_models_are_the_same_before_and_after_there_are_data_sets(own_registry):
    asked = {"type": "model", "labels": ("boats",), "sort": "name"}
    with_data_sets = names(own_registry, **asked)
    own_registry.remove(ArtifactName("bob", "land", True))
    assert names(own_registry, **asked) == with_data_sets == ["ada/Sea-Words.v1", "ada/sea_wind"]
    assert names(own_registry, type="dataset") == []
    assert len(names(own_registry, type="model")) == own_registry.find(Query()).total == 3


@pytest.mark.parametrize("size", range(3, 12))
def test_the_trigrams_of_a_part_cover_it(size):
    part = "abcdefghijkl"[:size]
    words = name_part_words(part)
    assert {letter for word in words for letter in word.partition(":")[2]} == set(part)
    assert set(words) <= set(name_trigrams(part))


def test_matching_trigrams_are_not_enough_for_a_part_of_a_name(own_registry):
    fill(own_registry, a_model("eve/abcd-bcde"))
    assert names(own_registry, parts=("abcde",)) == []


@DENSE_OR_SPARSE
def test_tags_are_spelled_as_on_the_hugging_face_hub_and_all_must_match(registry, candidates):
    assert names(registry, candidates, labels=("boats",), type="model", sort="name") == [
        "ada/Sea-Words.v1",
        "ada/sea_wind",
    ]
    assert names(registry, candidates, labels=("boats",), type="dataset") == ["datasets/bob/land"]
    assert names(registry, candidates, labels=("boats", "yo")) == ["ada/Sea-Words.v1"]
    assert names(registry, candidates, labels=("peft",)) == ["ada/Sea-Words.v1"]
    assert names(registry, candidates, labels=("boat",)) == []
    for tag in ("license:mit", "base_model:linguahub/emoji-sd", "base_model:finetune:linguahub/emoji-sd"):
        assert names(registry, candidates, labels=(tag,)) == ["bob/mountain"], tag


@DENSE_OR_SPARSE
def test_models_are_found_by_the_number_of_their_parameters(registry, candidates):
    for bounds, expected in (
        ((0, 999), ["ada/Sea-Words.v1"]),
        ((1000, 10**9), ["ada/sea_wind"]),
        ((1_000_001, 1_000_001), ["ada/sea_wind"]),
        ((0, 10**18), ["ada/Sea-Words.v1", "ada/sea_wind"]),
        ((1_000_002, 10**9), []),
    ):
        assert names(registry, candidates, parameters=bounds, sort="name") == expected, bounds


@DENSE_OR_SPARSE
def test_a_gated_artifact_is_found_as_soon_as_it_is_gated(own_registry, candidates):
    change_settings(own_registry.database, ArtifactName("bob", "mountain"), ROOT, gated="manual")
    assert names(own_registry, candidates, gated=True) == ["bob/mountain"]
    assert "bob/mountain" not in names(own_registry, candidates, gated=False)
    change_settings(own_registry.database, ArtifactName("bob", "mountain"), ROOT, gated="")
    assert names(own_registry, candidates, gated=True) == []


def test_recent_likes_and_downloads_determine_the_trend(own_registry):
    fan = own_registry.get("ada/sea_wind")
    from hub.registry.accounts.accounts import Accounts

    accounts = Accounts(own_registry.database)
    account = accounts.add("fan", ROOT)
    for _ in range(2):  # Once is enough.
        like(own_registry.database, fan.name, account, ROOT)
    for _ in range(3):
        own_registry.count_download(ArtifactName("bob", "land", True))
    assert names(own_registry, sort="trend")[:2] == ["ada/sea_wind", "datasets/bob/land"]
    assert names(own_registry, sort="likes")[0] == "ada/sea_wind"
    assert score(own_registry.get("datasets/bob/land").trending) == pytest.approx(3, rel=1e-3)
    assert score(own_registry.get("ada/sea_wind").trending) == pytest.approx(10, rel=1e-3)


def test_half_of_the_trend_is_gone_after_its_half_life():
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert score(weight(now), now + timedelta(days=HALF_LIFE_DAYS)) == pytest.approx(0.5)


def test_a_renamed_artifact_is_found_only_by_its_new_name(own_registry):
    from hub.registry.artifacts.repositories import move_repository

    move_repository(
        own_registry.database, ArtifactName("bob", "land", True), ArtifactName("bob", "island-of-palms", True), ROOT
    )
    assert names(own_registry, parts=("of-palm",)) == ["datasets/bob/island-of-palms"]
    assert names(own_registry, parts=("b/land",)) == []


def test_a_list_is_paged_from_artifact_to_artifact(registry):
    first = find(registry.database, Query(type="model", sort="likes", limit=2), 0)
    last = first.items[-1].name.key
    rest = find(registry.database, Query(type="model", sort="likes", limit=2, offset=2, after=last), 0)
    walked = [str(each.name) for each in (*first.items, *rest.items)]
    assert sorted(walked) == ["ada/Sea-Words.v1", "ada/sea_wind", "bob/mountain"]
