"""Pages of many matches form one list in one order, however the database reads them."""

from dataclasses import replace

import pytest

from hub.names import ArtifactName
from hub.records import Query
from hub.registry.search import search
from hub.registry.search.search import SORTS, find
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import a_revision, an_artifact, fill, names, put

LANGUAGES = (("yo",), ("yo", "sw"), ("sw",), ("mul",))


def _forty(registry):
    """Record forty artifacts, many with equal sort values; half of them have no score."""
    entries = []
    for number in range(40):
        tags, name = LANGUAGES[number % 4], f"owner{number % 3}/m{number:02}"
        scores = tuple(a_score((number % 5 + 1) / 10, language=tag) for tag in tags) if number % 2 else ()
        kind = "encoder" if number % 7 == 0 else "adapter"
        made = an_artifact(name, languages=tags, scores=scores, kind=kind)
        entries.append((made, replace(a_revision(name), id=f"{number:064x}")))
    registry.record_new(entries)
    for number in range(0, 40, 3):
        registry.count_download(ArtifactName(f"owner{number % 3}", f"m{number:02}"))


shelf = filled_registry(_forty)[0]


WANTED = [
    {},
    {"language": "yo"},
    {"kind": "adapter"},
    {"text": "m", "language": "sw"},
    {"owner": "owner1", "kind": "adapter"},
]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("candidates", [2, 100])
def test_consecutive_pages_are_the_whole_list_once(shelf, wanted, sort, candidates):
    whole = names(find(shelf.database, Query(**wanted, sort=sort, limit=100), candidates))
    read, after = [], ""
    for _ in range(20):
        page = find(shelf.database, Query(**wanted, sort=sort, limit=3, offset=len(read), after=after), candidates)
        read += names(page)
        if len(page.items) < 3:
            break
        after = page.items[-1].name.key
    assert read == whole
    assert len(whole) > 8


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", WANTED)
def test_a_page_deep_in_a_list_is_the_same_from_the_index_and_from_a_ranking(shelf, wanted, sort):
    whole = names(find(shelf.database, Query(**wanted, sort=sort, limit=100), 100))
    for candidates in (2, 3, 100):
        page = find(shelf.database, Query(**wanted, sort=sort, limit=4, offset=7), candidates)
        assert names(page) == whole[7:11]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", WANTED)
def test_ranking_more_matches_than_are_counted_gives_the_order_of_the_index(shelf, wanted, sort, monkeypatch):
    asked = Query(**wanted, sort=sort, limit=9)
    walked = find(shelf.database, asked, 2)
    monkeypatch.setattr(search, "CANDIDATES", 1)  # As if the registry were a million times as large.
    ranked = find(shelf.database, asked, 2)
    assert names(ranked) == names(walked)
    assert ranked.total >= walked.total


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("common", [0.5, 0.0], ids=["rare words", "common words"])
def test_listed_matches_are_found_in_the_index_in_the_order_of_a_ranking(shelf, wanted, sort, common, monkeypatch):
    ranked = names(find(shelf.database, Query(**wanted, sort=sort, limit=100), 100))
    monkeypatch.setattr(search, "COMMON", common)
    monkeypatch.setattr(search, "CANDIDATES", 1)  # As if the registry were a million times as large.
    monkeypatch.setattr(search, "_sorting_limit", lambda *_: 0)
    first = find(shelf.database, Query(**wanted, sort=sort, limit=4), 2)
    assert names(first) == ranked[:4]
    assert names(find(shelf.database, Query(**wanted, sort=sort, limit=4, offset=5), 2)) == ranked[5:9]
    after = Query(**wanted, sort=sort, limit=4, offset=4, after=first.items[-1].name.key)
    assert names(find(shelf.database, after, 2)) == ranked[4:8]


def test_the_list_continues_at_the_new_position_of_an_artifact_that_has_moved(registry):
    fill(registry, *(an_artifact(f"a/m{number}", scores=(a_score(number / 10),)) for number in (9, 7, 5, 3)))
    put(registry, an_artifact("a/m9", scores=(a_score(0.4),)), "e", parent="0" * 64)
    assert names(registry.find(Query(limit=2, offset=1, after="a/m9"))) == ["m3"]
