"""`METHOD-LANGUAGE` gives a published multilingual module where no module of this name is made for a base."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.errors import DoesNotFit, InvalidRequest, UnknownArtifact
from hub.languages import language_name
from hub.names import ArtifactName
from hub.publish.composition import find_module
from hub.records import Provenance, Query, Upstream
from hub.registry.names.stand_ins import say_stand_in, split_name
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill

FAR = (Upstream(repository="mulanai/mulan-lang-adapter", file="sd15.pth"),)


def everywhere(name: str, base: str = "sd15", **changes):
    """Return a module for all languages, trained on English, whose weights are upstream."""
    fields = {"languages": ("mul",), "trained_languages": ("en",), "bases": (base,), "scores": (), "upstream": FAR}
    return an_artifact(name, **fields | changes)


def _fill(registry):
    fill(
        registry,
        replace(an_artifact("linguahub/mulan-yo"), weights_digest="a" * 64),
        everywhere("linguahub/mulan-sd15-base"),
        everywhere("linguahub/mulan-sd15-aesthetic"),
        everywhere("linguahub/mulan-sdxl", "sdxl"),
        everywhere("linguahub/mulan-unpublished", "sana", upstream=()),
        everywhere("eve/mulan-aaa"),
        everywhere("eve/iap-all", method="iap"),
    )


modules, own_modules = filled_registry(_fill)


def found(registry, name: str, base: str) -> tuple[str, str]:
    module, stand_in = find_module(registry, name, [base])
    return str(module.name), stand_in.language if stand_in is not None else ""


def test_a_trained_module_is_taken_and_elsewhere_a_multilingual_one(modules):
    assert found(modules, "mulan-yo", "emoji-sd") == ("linguahub/mulan-yo", "")
    assert found(modules, "mulan-yo", "sd15") == ("linguahub/mulan-sd15-aesthetic", "yo")
    assert found(modules, "linguahub/mulan-yor", "sdxl") == ("linguahub/mulan-sdxl", "yo")
    assert [each.base for each in modules.stand_ins("mulan-yo")] == ["sd15", "sdxl"]


@pytest.mark.parametrize("tag", ["fr", "zh-Hant", "ar", "am", "quz", "sr-Latn"])
def test_a_language_without_any_module_of_its_own_is_read_too(modules, tag):
    assert found(modules, f"mulan-{tag}", "sd15")[0] == "linguahub/mulan-sd15-aesthetic"


def test_each_of_110_languages_is_read_on_each_base(modules):
    from hub.languages import _frequent

    languages = _frequent()[:110]
    assert len(languages) == 110
    for tag in languages:
        assert {each.base for each in modules.stand_ins(f"mulan-{tag}")} >= {"sd15", "sdxl"}, language_name(tag)


def test_a_module_that_is_trained_later_wins(own_modules):
    fill(own_modules, replace(an_artifact("local/mulan-yo", bases=("sd15",)), weights_digest="b" * 64))
    assert found(own_modules, "mulan-yo", "sd15") == ("local/mulan-yo", "")
    assert found(own_modules, "mulan-yo", "emoji-sd") == ("linguahub/mulan-yo", "")
    assert found(own_modules, "mulan-yo", "sdxl") == ("linguahub/mulan-sdxl", "yo")


def test_a_multilingual_module_that_saw_the_language_comes_before_a_zero_shot_one(own_modules):
    fill(own_modules, everywhere("linguahub/mulan-zzz", languages=("yo", "sw"), trained_languages=()))
    assert found(own_modules, "mulan-yo", "sd15")[0] == "linguahub/mulan-zzz"
    assert found(own_modules, "mulan-fr", "sd15")[0] == "linguahub/mulan-sd15-aesthetic"


def test_the_best_reproduced_score_in_the_language_decides_between_two(own_modules):
    fill(own_modules, everywhere("linguahub/mulan-sd15-new", scores=(a_score(0.5, language="fr"),)))
    assert found(own_modules, "mulan-fr", "sd15")[0] == "linguahub/mulan-sd15-new"
    assert found(own_modules, "mulan-yo", "sd15")[0] == "linguahub/mulan-sd15-aesthetic"


def test_downloads_do_not_change_the_module_of_a_name(own_modules):
    for _ in range(3):
        own_modules.count_download(ArtifactName("linguahub", "mulan-sd15-base"))
    assert found(own_modules, "mulan-yo", "sd15")[0] == "linguahub/mulan-sd15-aesthetic"


def test_the_module_of_a_stranger_does_not_stand_in(modules):
    assert modules.stand_ins("iap-yo") == ()
    with pytest.raises(UnknownArtifact):
        find_module(modules, "eve/mulan-yo", ["sd15"])


def test_a_private_module_neither_stands_in_for_strangers_nor_hides_one(own_modules):
    fill(own_modules, replace(an_artifact("local/mulan-yo", bases=("sdxl",)), private=True))
    assert [each.base for each in own_modules.stand_ins("mulan-yo", readers=())] == ["sd15", "sdxl"]
    assert [each.base for each in own_modules.stand_ins("mulan-yo")] == ["sd15"]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("mulan-xx", UnknownArtifact, "no artifact is called `mulan-xx`. Did you mean .*`mulan-yo`"),
        ("mulan-french", UnknownArtifact, "no artifact is called `mulan-french`"),
        ("mulan-yo@1", None, ""),
        ("mulan-fr@1", DoesNotFit, "`mulan-fr@1` has no variant for `sd15`"),
        ("mulan-unpublished", InvalidRequest, "the weights of `mulan-unpublished` are not published"),
    ],
)
def test_names_that_are_not_stand_ins_refer_to_the_artifact(modules, name, error, said):
    if error is None:
        assert found(modules, name, "sd15") == ("linguahub/mulan-yo", "")
        return
    with pytest.raises(error, match=said):
        find_module(modules, name, ["sd15"])


def test_a_base_without_any_module_is_refused_with_those_that_have_one(modules):
    with pytest.raises(DoesNotFit, match="`mulan-fr` has no variant for `sana`, only for `sd15`, `sdxl`"):
        find_module(modules, "mulan-fr", ["sana"])


def test_one_line_describes_a_stand_in(modules):
    (first, _) = modules.stand_ins("mulan-yo")
    assert say_stand_in(first) == "mulan-sd15-aesthetic (zero-shot: trained on English, no Yoruba score yet)"
    scored = replace(first, score=a_score(0.25, provenance=Provenance.REPORTED))
    assert say_stand_in(scored) == (
        "mulan-sd15-aesthetic (zero-shot: trained on English; r_precision_at_1 0.25 in Yoruba, reported)"
    )
    assert say_stand_in(replace(first, trained_languages=())) == (
        "mulan-sd15-aesthetic (multilingual, no Yoruba score yet)"
    )
    assert say_stand_in(replace(first, language="en-GB")) == (
        "mulan-sd15-aesthetic (trained on English, no English (United Kingdom) score yet)"
    )


def test_a_module_of_one_language_stands_in_before_a_zero_shot_one(own_modules):
    assert found(own_modules, "mulan-yor", "emoji-sd") == ("linguahub/mulan-yo", "yo")
    (first, *_) = own_modules.stand_ins("mulan-yor")
    assert say_stand_in(first) == "mulan-yo (trained on Yoruba; r_precision_at_1 0.5 in Yoruba, reproduced)"


def test_a_search_for_a_name_has_its_stand_ins_on_the_first_page(modules):
    page = modules.find(Query(text="mulan-fr"))
    assert page.items == ()
    assert [each.module for each in page.stand_ins] == ["linguahub/mulan-sd15-aesthetic", "linguahub/mulan-sdxl"]
    assert [each.base for each in modules.find(Query(text="mulan-yo", base="SDXL")).stand_ins] == ["sdxl"]
    assert modules.find(Query(text="mulan-fr", offset=1)).stand_ins == ()
    assert modules.find(Query(text="yoruba")).stand_ins == ()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mulan-yo", [("mulan", "yo")]), ("prompt-tuning-yor", [("prompt-tuning", "yo")]), ("mulan-zh-Hant", [("mulan", "zh-Hant")]),
        ("mulan", []), ("-yo", []), ("mulan-mul", []), ("mulan-base", []), ("a" * 5000 + "-yo", []), ("mulan-", []),
    ],
)  # fmt: skip
def test_a_name_is_a_method_and_a_tag(name, parts):
    assert list(split_name(name)) == parts
