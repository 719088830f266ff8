"""The data set `emoji` is read without torch: names in a language, with filters, and images."""

from __future__ import annotations

import pytest

from hub.catalogue.named_images import TABLES, RowQuery, fold, is_browsable, open_tables
from hub.errors import DamagedFile
from hub.local import LocalHub


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """A folder of caches, with the tables of a former revision and of another data set."""
    folder = tmp_path_factory.mktemp("caches")
    (folder / "data-sets").mkdir()
    for name in ("emoji", "emoji-too"):
        former_tables(folder, name).write_bytes(b"")
    return folder


def former_tables(folder, name):
    return folder / "data-sets" / f"linguahub+{name}+{'0' * 32}.sqlite"


@pytest.fixture(scope="module")
def tables(caches):
    with LocalHub.open() as hub:
        dataset = hub.registry.get("datasets/linguahub/emoji")
        assert is_browsable(hub.registry, dataset)
        yield open_tables(hub.registry, hub.store, caches, dataset)


def test_rows_are_those_of_the_parquet_tables(tables):
    from trainers.corpora.emoji_dataset import World

    world = World()
    found = tables.rows(RowQuery(language="ha", split="pairs", limit=1000))
    expected = {each.concept: each.name for each in world.named("ha") if each.split == "pairs"}
    assert {each.concept: each.name for each in found.rows} == expected
    assert found.total == len(expected)
    assert {each.concept: each.meaning for each in found.rows} == {id: world.concepts[id]["name"] for id in expected}
    assert tables.languages() == {tag: row["names"] for tag, row in world.languages.items()}


def test_facets_count_rows_under_the_other_filters(tables):
    found = tables.rows(RowQuery(language="ha", split="pairs", group="Animals & Nature"))
    assert found.facets["group"]["Animals & Nature"] == found.total
    by_group = tables.rows(RowQuery(language="ha", split="pairs"))
    assert sum(found.facets["group"].values()) == by_group.total
    every = tables.rows(RowQuery(language="ha", group="Animals & Nature"))
    assert found.facets["split"] == every.facets["split"]


@pytest.mark.parametrize(("text", "language"), [("GIWA", "ha"), ("elephant", "ha"), ("erin", "yo"), ("فيل", "ar")])
def test_a_text_finds_names_and_meanings_without_case_and_accents(tables, text, language):
    assert "1f418" in {each.concept for each in tables.rows(RowQuery(language=language, text=text)).rows}


def test_pages_follow_each_other_without_gaps(tables):
    every = tables.rows(RowQuery(language="yo", limit=120)).rows
    halves = [tables.rows(RowQuery(language="yo", limit=60, offset=at)).rows for at in (0, 60)]
    assert (*halves[0], *halves[1]) == every


def test_an_image_is_the_webp_of_the_table(tables):
    assert tables.image("1f418")[8:12] == b"WEBP"
    assert tables.image("nothing") is None
    assert len(set(tables.sample(16))) == 16


def test_folding_removes_case_and_marks():
    assert fold("Ọkọ̀ OJÚ") == "oko oju"


def test_only_curated_data_sets_of_these_tables_are_browsable(tables):
    with LocalHub.open() as hub:
        assert not is_browsable(hub.registry, hub.registry.get("linguahub/emoji-sd"))


def test_tables_of_another_format_are_refused_and_leave_nothing_behind(tmp_path, monkeypatch):
    with LocalHub.open() as hub:
        dataset = hub.registry.get("datasets/linguahub/emoji")
        names = next(file for file in hub.registry.revision(dataset.name).files if file.path == "names.parquet")
        monkeypatch.setattr(
            "hub.catalogue.named_images._files", lambda registry, artifact: dict.fromkeys(TABLES, names)
        )
        with pytest.raises(DamagedFile, match="cannot be read"):
            open_tables(hub.registry, hub.store, tmp_path, dataset)
    assert [each.suffix for each in tmp_path.glob("*/*")] in ([], [".lock"])


def test_tables_of_former_revisions_are_deleted(caches, tables):
    assert not former_tables(caches, "emoji").exists()
    assert former_tables(caches, "emoji-too").exists()
