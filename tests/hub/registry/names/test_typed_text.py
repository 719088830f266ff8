"""Typical search texts, and their first result among the bundled cards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.local import LocalHub
from hub.records import Meaning, Query
from hub.registry import Registry
from tests.builders.artifacts import a_score
from tests.builders.registry import an_artifact, fill, names

FIRST = {
    # A name, as it is or in another spelling.
    "sd15": "sd15", "mulan-yo": "mulan-yo", "MULAN-YO": "mulan-yo", "linguahub/mulan-yo": "mulan-yo", "emoji sd": "emoji-sd", "emoji_sd": "emoji-sd",
    "emoji": "emoji", "xlm roberta large": "xlm-roberta-large", "ella sd15": "ella-sd15", "qwen image": "qwen-image",
    # A base by its other names.
    "sd 1.5": "sd15", "SD-1.5": "sd15", "stable diffusion 1.5": "sd15", "Stable Diffusion v1.5": "sd15", "runwayml/stable-diffusion-v1-5": "sd15",
    "stable-diffusion-v1-5": "sd15", "SDXL": "sdxl", "sd xl": "sdxl", "stable diffusion xl": "sdxl", "sdxl 1.0": "sdxl",
    "stabilityai/stable-diffusion-xl-base-1.0": "sdxl", "sd 3": "sd3-medium", "flux dev": "flux1-dev", "FLUX.1-dev": "flux1-dev", "flux schnell": "flux1-schnell",
    "PixArt-Σ": "pixart-sigma", "pixart alpha": "pixart-alpha", "wan 2.1 14b": "wan21-14b", "z image turbo": "z-image-turbo",
    "qwen-image 2.1": "qwen-image-21", "hunyuan dit": "hunyuan-dit",
    # The beginning of a name.
    "xlm-r": "xlm-roberta-clip-huge", "chinese clip": "chinese-clip-huge", "multilingual e5": "multilingual-e5-small", "stable diffusion": "sd15",
    "flux": "flux1-dev", "sd": "sd15", "cogview": "cogview4", "FLUX.2 klein": "flux2-klein-4b", "gluegen": "gluegen-es",
    # A part of a name.
    "labse": "mclip-labse-vit-l-14", "xlmr": "emoji-xlmr",
    # A method.
    "m-clip": "mclip-labse-vit-l-14", "token kd": "token-kd-many", "altdiffusion": "altdiffusion-many", "lora": "lora-many", "taiyi": "taiyi-sd",
    # A language, by its name or tag.
    "yoruba": "memory-yo", "Yorùbá": "memory-yo", "yo": "memory-yo", "french": "gluegen-fr", "français": "gluegen-fr", "日本語": "gluegen-ja",
    "italiano": "gluegen-it", "中文": "memory-zh", "mandarin": "memory-zh", "العربية": "memory-ar", "हिन्दी": "memory-hi", "hindi": "memory-hi",
    "kiswahili": "memory-sw", "hausa": "memory-ha-am-th-fr",
    # Several of these.
    "yoruba sdxl": "mulan-sdxl-aesthetic", "sdxl yoruba": "mulan-sdxl-aesthetic", "stable diffusion xl français": "mulan-sdxl-aesthetic",
    "mulan yoruba": "mulan-yo", "pea flux": "pea-flux1", "iap chinese": "iap-chinese", "gluegen japanese": "gluegen-ja",
    "adapters for yoruba on sd 1.5": "mulan-sd15-aesthetic", "memory zh": "memory-zh", "emoji data set": "emoji", "x2i flux": "x2i-qwen25-vl-3b",
}  # fmt: skip
"""Text → the first result."""


@pytest.fixture(scope="module")
def curated() -> Iterator[Registry]:
    with LocalHub.open() as hub:
        yield hub.registry


@pytest.mark.parametrize(("text", "first"), FIRST.items())
def test_the_meaning_of_a_text_is_found_first(curated: Registry, text: str, first: str):
    page = curated.find(Query(text=text, limit=3, scores="best"))
    assert names(page)[:1] == [first], names(page)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yoruba sdxl", Meaning(language="yo", base="sdxl")),
        ("adapters for yoruba on sd 1.5", Meaning(language="yo", base="sd15", kind="adapter")),
        ("mulan resampler 中文", Meaning(method="mulan", language="zh", words=("resampler",))),
        ("flux dev", Meaning(base="flux1-dev")),
        ("multilingual e5", Meaning(language="mul", words=("e5",))),
        ("resampler", None),
        ('"french"', None),
        ("sd", None),
    ],
)
def test_a_text_is_understood_as_languages_bases_methods_and_kinds(
    curated: Registry, text: str, meaning: Meaning | None
):
    found = curated.find(Query(text=text)).meaning
    assert found == meaning


def test_a_multilingual_module_is_found_by_the_languages_that_it_reads(curated: Registry):
    assert {"mulan-sd15-aesthetic", "pea-many"} <= set(names(curated.find(Query(text="yoruba", limit=100))))


def test_a_language_shows_scores_in_it(curated: Registry):
    items = curated.find(Query(text="yoruba", scores="best")).items
    assert {score.language for score in items[0].scores} == {"yo"}


def test_a_text_and_a_filter_narrow_together(curated: Registry):
    assert names(curated.find(Query(text="mulan", language="yo", kind="adapter", base="SD 1.5"))) == [
        "mulan-sd15-aesthetic",
        "mulan-sd15-base",
    ]
    assert names(curated.find(Query(text="sd15", kind="base"))) == ["sd15"]
    assert names(curated.find(Query(text="yoruba", language="yo"))) == names(curated.find(Query(language="yo")))


def test_a_filter_can_have_several_values(curated: Registry):
    page = curated.find(Query(kind="base,dataset", limit=0))
    both = [curated.find(Query(kind=kind, limit=0)).total for kind in ("base", "dataset")]
    assert page.total == sum(both)
    assert set(names(curated.find(Query(base="sdxl,pixart-alpha", method="mulan", limit=100)))) == {
        "mulan-sdxl-aesthetic",
        "mulan-pixart",
    }
    languages = [names(curated.find(Query(language=tag, limit=200))) for tag in ("yo", "fr")]
    assert set(names(curated.find(Query(language="yo,fr", limit=200)))) == {
        each for found in languages for each in found
    }


def test_quotes_search_for_the_words(curated: Registry):
    assert curated.find(Query(text='"french"')).total < curated.find(Query(text="french")).total


def test_other_orders_do_not_put_names_first(curated: Registry):
    assert names(curated.find(Query(text="sd15", sort="name")))[0] == "ella-sd15"


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("yorba", "yoruba"),
        ("swahlii", "swahili"),
        ("mulna", "mulan"),
        ("chinse clip", "chinese clip"),
        ("sdlx", "sdxl"),
        ("mulan-yoo", "mulan-yo"),
        ("qqqqqq", ""),
        ("yoruba", ""),
    ],
)
def test_a_misspelt_text_is_corrected(curated: Registry, text: str, correction: str):
    page = curated.find(Query(text=text))
    assert page.correction == correction
    assert bool(page.total) == (text == "yoruba")


def test_an_empty_result_suggests_the_criterion_to_remove(curated: Registry):
    page = curated.find(Query(language="yo", base="taiyi-sd", kind="adapter"))
    assert page.total == 0
    assert page.without["base"] == curated.find(Query(language="yo", kind="adapter")).total
    assert set(page.without) <= {"language", "base", "kind"}
    assert curated.find(Query(text="qqqqqq")).without == {}
    assert (
        curated.find(Query(text="qqqqqq", kind="adapter")).without["text"] == curated.find(Query(kind="adapter")).total
    )


def test_a_private_name_neither_comes_first_nor_is_suggested(registry: Registry):
    fill(registry, an_artifact("ada/secretive-yo", private=True), an_artifact("bob/other-yo", scores=(a_score(0.5),)))
    for text in ("secretive-yo", "secretive", "secretiv-yo", "ada/secretive-yo"):
        page = registry.find(Query(text=text, readers=()))
        assert (names(page), page.correction) == ([], "")
        assert names(registry.find(Query(text="secretive", readers=("ada",)))) == ["secretive-yo"]
    assert registry.find(Query(text="secretiv-yo", readers=("ada",))).correction == "secretive-yo"


@pytest.mark.parametrize("candidates", [500, 1])
def test_names_come_first_however_many_artifacts_match(registry: Registry, candidates: int):
    from hub.registry.search.search import find

    fill(
        registry,
        *(an_artifact(f"ada/module-{number}", summary="For first-yo.", scores=(a_score(0.9),)) for number in range(6)),
        an_artifact("ada/first-yo", scores=()),
        an_artifact("ada/first-yo-2", scores=()),
    )
    pages = [
        names(find(registry.database, Query(text="first-yo", limit=3, offset=offset), candidates))
        for offset in (0, 3, 6)
    ]
    assert pages[0][:2] == ["first-yo", "first-yo-2"]
    found = [name for page in pages for name in page]
    assert len(found) == len(set(found)) == 8
    after = find(registry.database, Query(text="first-yo", limit=3, after="ada/first-yo"), candidates)
    assert names(after) == found[1:4]
