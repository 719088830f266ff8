from dataclasses import replace

import pytest

from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Provenance, Query
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings, move_repository
from hub.registry.search.search import SORTS, find
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import a_revision, an_artifact, fill, names


def _six(registry):
    """Record six different artifacts."""
    fill(
        registry,
        an_artifact("local/weak-yo", scores=(a_score(0.3),)),
        an_artifact("local/good-yo", scores=(a_score(0.7), a_score(0.9, metric="r_precision_at_10")), summary="Yorùbá, a résumé."),
        an_artifact("linguahub/wide", languages=("sw", "yo", "hi"), method="pea", bases=("sdxl",), license="MIT", scores=(
            a_score(0.5), a_score(0.95, language="hi"), a_score(0.99, provenance=Provenance.REPORTED))),
        an_artifact("linguahub/claims", scores=(a_score(0.999, provenance=Provenance.REPORTED),)),
        an_artifact("linguahub/any", kind="encoder", languages=("mul",), method="", bases=(), scores=()),
        an_artifact("linguahub/brazil", languages=("pt-BR",), scores=(a_score(0.4, language="pt-BR"),)),
    )  # fmt: skip


shelf = filled_registry(_six)[0]


def test_a_language_finds_its_own_and_multilingual_artifacts_best_reproduced_first(shelf):
    page = shelf.find(Query(language="yo"))
    assert names(page) == ["good-yo", "wide", "weak-yo", "any", "claims"]
    assert page.total == 5


def test_scores_of_other_languages_count_less(shelf):
    assert names(shelf.find(Query(language="sw"))) == ["wide", "any"]
    assert names(shelf.find(Query(language="hi"))) == ["wide", "any"]
    assert names(shelf.find(Query()))[0] == "wide"


def test_a_language_is_served_by_its_regions(shelf):
    assert names(shelf.find(Query(language="pt"))) == ["brazil", "any"]


def test_a_language_without_modules_finds_multilingual_ones(shelf):
    assert names(shelf.find(Query(language="am"))) == ["any"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind": "encoder"}, {"any"}), ({"method": "pea"}, {"wide"}), ({"license": "mit"}, {"wide"}), ({"base": "SDXL"}, {"wide"}),
        ({"base": "linguahub/sdxl"}, {"wide"}), ({"owner": "local"}, {"weak-yo", "good-yo"}), ({"kind": "delta"}, set()),
        ({"text": "good"}, {"good-yo"}), ({"text": "yo good"}, {"good-yo"}), ({"text": "resume"}, {"good-yo"}), ({"text": "Swahili"}, {"wide", "any"}),
        ({"text": "Kiswahili"}, {"wide", "any"}), ({"text": "हिन्दी"}, {"wide", "any"}), ({"text": "weak-y"}, {"weak-yo"}), ({"text": "zzz"}, set()),
        ({"text": "sdxl", "kind": "adapter", "language": "hi", "license": "MIT", "method": "pea", "owner": "linguahub"}, {"wide"}),
    ],
)  # fmt: skip
def test_facets_and_words_narrow_together(shelf, query, found):
    page = shelf.find(Query(**query))
    assert set(names(page)) == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    "text", ['"', "a OR b", "NOT", "name:x", "*", "(", "x; DROP TABLE artifacts", "'", "-", "good\0yo", "^", "{a}"]
)
def test_no_text_is_an_error(shelf, text):
    shelf.find(Query(text=text))
    assert shelf.find(Query()).total == 6


def test_a_page_has_total_and_facet_counts(shelf):
    page = shelf.find(Query(limit=2, offset=1))
    assert len(page.items) == 2
    assert page.total == 6
    assert page.facets["kind"] == {"adapter": 5, "encoder": 1}
    assert page.facets["language"] == {"yo": 4, "hi": 1, "mul": 1, "pt-BR": 1, "sw": 1}
    assert page.facets["base"] == {"emoji-sd": 4, "sdxl": 1}
    assert page.facets["method"] == {"mulan": 4, "pea": 1}
    assert page.facets["license"] == {"Apache-2.0": 5, "MIT": 1}
    assert shelf.find(Query(method="pea")).facets["kind"] == {"adapter": 1}


def test_pages_do_not_overlap(shelf):
    pages = [names(shelf.find(Query(limit=2, offset=offset))) for offset in (0, 2, 4, 6)]
    assert sorted(name for page in pages for name in page) == sorted(names(shelf.find(Query())))
    assert pages[3] == []


def test_other_orders(shelf):
    shelf.count_download(ArtifactName("local", "weak-yo"))
    assert names(shelf.find(Query(sort="name"))) == ["any", "brazil", "claims", "good-yo", "weak-yo", "wide"]
    assert names(shelf.find(Query(sort="downloads")))[0] == "weak-yo"
    assert len(names(shelf.find(Query(sort="updated")))) == 6


@pytest.mark.parametrize("query", [{"sort": "luck"}, {"limit": -1}, {"limit": 10**9}, {"offset": -1}])
def test_an_invalid_query_is_refused(shelf, query):
    with pytest.raises(InvalidRequest) as raised:
        shelf.find(Query(**query))
    assert "\n" not in str(raised.value)


def test_a_lower_value_is_better_if_the_score_states_it(registry):
    fids = [
        an_artifact(f"local/fid-{value}", scores=(a_score(float(value), metric="fid", better="down", unit=""),))
        for value in (40, 7, 300)
    ]
    fill(registry, *fids)
    assert names(registry.find(Query(language="yo"))) == ["fid-7", "fid-40", "fid-300"]


def test_percentages_and_shares_compare(registry):
    fill(
        registry,
        an_artifact("local/share", scores=(a_score(0.6),)),
        an_artifact("local/percent", scores=(a_score(70.0, unit="%"),)),
    )
    assert names(registry.find(Query(language="yo"))) == ["percent", "share"]


def test_a_module_is_ranked_by_its_own_languages_and_not_by_controls(registry):
    controls = [
        a_score(0.95, metric=f"{before}r_precision_at_1")
        for before in ("base_alone_", "english_base_", "judge_ceiling_")
    ]
    english = a_score(0.9, language="en")
    fill(
        registry,
        an_artifact("local/weak", scores=(english, *controls, a_score(0.2))),
        an_artifact("local/controls", scores=(english, *controls)),
        an_artifact("local/good", scores=(a_score(0.5),)),
        an_artifact("local/telling", scores=(*controls, a_score(0.99, metric="pixel_nearest_at_1"))),
    )
    for query in (Query(), Query(language="yo")):
        assert names(registry.find(query)) == ["good", "weak", "telling", "controls"], query


def test_a_base_and_a_multilingual_module_are_ranked_by_english_too(registry):
    fill(
        registry,
        an_artifact("local/base", kind="base", languages=("en",), scores=(a_score(0.7, language="en"),)),
        an_artifact("local/many", languages=("mul",), scores=(a_score(0.6, language="en"),)),
        an_artifact("local/region", languages=("en-GB",), scores=(a_score(0.5, language="en"),)),
        an_artifact("local/yo", scores=(a_score(0.8, language="en"),)),
    )
    assert names(registry.find(Query())) == ["base", "many", "region", "yo"]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "wanted",
    [{"language": "yo"}, {"language": "pt"}, {"kind": "adapter"}, {"license": "apache-2.0"}, {"base": "emoji-sd"}, {"owner": "linguahub"},
     {"text": "yorub"}, {"text": "prompts", "language": "yo"}, {"language": "yo", "method": "mulan", "base": "emoji-sd"}],
)  # fmt: skip
def test_too_many_matches_to_count_come_in_the_same_order(shelf, wanted, sort):
    query = Query(**wanted, sort=sort)
    exact, dense = shelf.find(query), find(shelf.database, query, candidates=0)
    assert names(dense) == names(exact)
    pages = [
        names(find(shelf.database, replace(query, limit=2, offset=offset), candidates=0)) for offset in (0, 2, 4, 6)
    ]
    assert [name for page in pages for name in page] == names(exact)
    assert dense.total <= exact.total
    assert dense.is_exact == (
        dense.total == exact.total and len(wanted) == 1 and next(iter(wanted)) in {"kind", "license", "owner"}
    )


def test_a_page_of_too_many_matches_counts_some_of_them(shelf):
    page = find(shelf.database, Query(text="prompts"), candidates=2)
    assert (page.total, page.is_exact) == (3, False)
    assert sum(page.facets["kind"].values()) == 3
    kinds = find(shelf.database, Query(kind="adapter"), candidates=2)
    assert (kinds.total, kinds.is_exact) == (5, True)


def _odd_values(registry):
    fill(
        registry,
        an_artifact("local/wanted", license="Open RAIL M", method="Open RAIL M", bases=("lab/Open RAIL M",)),
        an_artifact("local/other", license="OpenRAIL-M", method="openrail", bases=("rail",)),
    )


odd_values = filled_registry(_odd_values)[0]


@pytest.mark.parametrize("candidates", [500, 0], ids=["few", "more than are counted"])
@pytest.mark.parametrize("asked", ["open rail m", "Open-RAIL-M", "OPEN  RAIL m"])
def test_a_value_is_found_however_its_case_and_white_space_are_written(odd_values, asked, candidates):
    for facet in ("license", "method", "base"):
        page = find(odd_values.database, Query(**{facet: asked}), candidates)
        assert names(page) == ["wanted"], facet
        assert page.total <= 1
    together = Query(license=asked, method=asked, base=asked, language="yo", text="yoruba")
    assert names(find(odd_values.database, together, candidates)) == ["wanted"]


def test_counts_follow_every_write(registry):
    fill(registry, an_artifact("local/a"), an_artifact("local/b", languages=("sw", "yo")))
    registry.record(
        an_artifact("local/b", kind="encoder", languages=("sw",), bases=()), a_revision("local/b", "9"), "1" * 64
    )
    page = registry.find(Query())
    assert page.total == 2
    assert page.facets["kind"] == {"adapter": 1, "encoder": 1}
    assert page.facets["language"] == {"sw": 1, "yo": 1}
    assert page.facets["base"] == {"emoji-sd": 1}
    registry.remove(ArtifactName("local", "a"))
    assert registry.find(Query()).facets["kind"] == {"encoder": 1}
    assert registry.find(Query(text="adapter")).total == 0


words = filled_registry(
    lambda registry: fill(
        registry, an_artifact(), an_artifact("local/other", summary="Ọkọ̀ yo-v2, it's 100% for 日本語.")
    )
)[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [("MULAN-yo", {"mulan-yo"}), ("mulan-y", {"mulan-yo"}), ("local/mulan-yo", {"mulan-yo"}), ("mulan yo", {"mulan-yo", "other"}),
     ("yo-v2", {"other"}), ("ọkọ̀ OKO", {"other"}), ("日本", {"other"}), ("it's 100%", {"other"}), ("\\", set()), ("%", set()), ("_kind:adapter", set())],
)  # fmt: skip
def test_words_are_found_by_their_prefixes_and_names_as_a_whole(words, text, found):
    assert set(names(words.find(Query(text=text)))) == found


OPEN = {"kind": {"adapter": 2}, "language": {"yo": 2}}


@pytest.mark.parametrize("candidates", [500, 1])
def test_private_artifacts_are_found_and_counted_only_for_their_readers(registry, candidates):
    fill(
        registry,
        an_artifact("ada/hidden-yo", private=True),
        an_artifact("ada/open-yo"),
        an_artifact("ada/hidden-sw", private=True, languages=("sw",)),
        an_artifact("bob/other-yo"),
    )

    def ask(readers, **criteria):
        return find(registry.database, Query(readers=readers, **criteria), candidates)

    everything = [
        {},
        {"owner": "ada"},
        {"kind": "adapter"},
        {"text": "prompts"},
        {"language": "yo"},
        {"text": "yo", "kind": "adapter"},
    ]
    hidden = {"hidden-yo", "hidden-sw"}
    for readers in ((), ("bob",)):
        for criteria in everything:
            for sort in SORTS:
                assert not hidden & set(names(ask(readers, **criteria, sort=sort))), (criteria, sort)
        assert ask(readers).total == ask(readers, kind="adapter").total == 2
        assert ask(readers, owner="ada").total == 1
        page = ask(readers)
        assert {facet: page.facets[facet] for facet in OPEN} == OPEN
        for criteria in ({"text": "hidden"}, {"language": "sw"}):
            assert (names(ask(readers, **criteria)), ask(readers, **criteria).total) == ([], 0)
    for readers in (("bob", "ada"), None):
        assert set(names(ask(readers))) == {"open-yo", "other-yo", *hidden}
        assert set(names(ask(readers, owner="ada"))) == {"open-yo", *hidden}
        assert set(names(ask(readers, text="hidden"))) == hidden
        assert names(ask(readers, language="sw")) == ["hidden-sw"]
        assert ask(readers).total == ask(readers, kind="adapter").total == 4
        assert ask(readers, owner="ada").total == 3
        assert ask(readers).facets["language"] == {"yo": 3, "sw": 1}
    assert registry.languages() == {"yo": 3, "sw": 1}


def test_opening_closing_and_renaming_keep_words_and_counts(registry):
    fill(registry, an_artifact("ada/first"))
    name, target, root = ArtifactName("ada", "first"), ArtifactName("lab", "second"), Actor("root")
    everybody = {"readers": ()}
    change_settings(registry.database, name, root, private=True)
    assert registry.find(Query(**everybody)).total == 0
    assert registry.find(Query(**everybody)).facets["language"] == {}
    move_repository(registry.database, name, target, root)
    change_settings(registry.database, target, root, private=False)
    page = registry.find(Query(**everybody))
    assert (page.total, page.facets["language"], page.facets["base"]) == (1, {"yo": 1}, {"emoji-sd": 1})
    move_repository(registry.database, target, ArtifactName("lab", "third"), root)
    assert names(registry.find(Query(text="third", owner="lab"))) == ["third"]
    assert registry.find(Query(text="first")).total == registry.find(Query(text="second")).total == 0
    counted = registry.database.rows("SELECT value, artifacts FROM facet_counts WHERE facet = 'owner'")
    assert [tuple(row) for row in counted] == [("lab", 1)]
    registry.remove(ArtifactName("lab", "third"))
    assert registry.database.rows("SELECT * FROM facet_counts") == []


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("", {"wide": 0.95, "good-yo": 0.7, "weak-yo": 0.3, "brazil": 0.4, "claims": 0.999}),
        ("yo", {"wide": 0.5, "good-yo": 0.7, "weak-yo": 0.3, "claims": 0.999}),
        ("sw", {"wide": 0.95}),
    ],
)
def test_an_entry_shows_the_best_score_in_the_requested_language_or_in_any(shelf, language, expected):
    page = shelf.find(Query(language=language, scores="best"))
    assert {each.name.name: score.value for each in page.items for score in each.scores} == expected


def test_an_entry_shows_a_score_of_the_artifacts_language_and_no_control(registry):
    control = a_score(0.9, metric="english_base_r_precision_at_1")
    reported, disputed = (a_score(0.3, provenance=each) for each in (Provenance.REPORTED, Provenance.DISPUTED))
    english, measured = a_score(0.8, language="en"), a_score(0.2)
    shown = {
        "measured": (control, english, disputed, reported, measured),
        "reported": (control, english, disputed, reported),
        "disputed": (control, english, disputed),
        "english": (control, english),
        "control": (control,),
    }
    fill(registry, *(an_artifact(f"ade/{name}", scores=scores) for name, scores in shown.items()), reproduced=False)
    found = {each.name.name: each.scores for each in registry.find(Query(scores="best")).items}
    assert found == {name: scores[-1:] if name != "control" else () for name, scores in shown.items()}
