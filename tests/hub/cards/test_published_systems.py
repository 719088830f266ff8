"""Every published system has a card with its source, bases and requirements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.cards import read_card, write_card
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.card_only import missing_weights
from hub.records import Artifact, Provenance, Query, split_names
from hub.weights.sizes import describe_memory, total
from tests.builders import ROOT

CARDS = ROOT / "cards"
ADAPTERS = (
    "mulan-sd15-base", "mulan-sd15-aesthetic", "mulan-sd21-base", "mulan-sd21-aesthetic", "mulan-sdxl-aesthetic", "mulan-pixart",
    "pea-sdxl", "pea-sdxl-pg", "pea-flux1", "pea-sd3", "pea-sd3-t5",
    "gluegen-zh", "gluegen-fr", "gluegen-it", "gluegen-ja", "gluegen-es", "ella-sd15",
    "x2i-qwen25-vl-3b", "x2i-qwen25-vl-7b",
)  # fmt: skip
MCLIPS = ("mclip-xlmr-vit-l-14", "mclip-xlmr-vit-b-32", "mclip-xlmr-vit-b-16plus", "mclip-labse-vit-l-14")
PROJECTORS = ("mclip-base", "mclip-plus-base", *MCLIPS)
ENCODERS = (
    "altclip", "clip-vit-base-patch32", "clip-vit-large-patch14", "clip-vit-b-16-plus-240", "internvl-14b-text", "xlm-roberta-large", "xlm-roberta-clip-huge", "chinese-clip-huge", "hunyuan-dit-clip", "flan-t5-xl", "mt5-xl", "umt5-xxl", "byt5-xxl",
    "multilingual-e5-small", "qwen25-vl-3b", "qwen25-vl-7b", "internvl25-1b", "internvl25-4b",
)  # fmt: skip
BASES = (
    "sd15", "sd21", "sdxl", "pixart-alpha", "pixart-sigma", "sd3-medium", "sd35-medium", "flux1-schnell", "flux1-dev", "sana",
    "altdiffusion-m2", "altdiffusion-m9", "altdiffusion-m18", "taiyi-sd", "sd35-large", "flux2-dev", "flux2-klein-4b", "flux2-klein-9b",
    "qwen-image", "qwen-image-21", "z-image", "z-image-turbo", "chroma1-hd", "lumina-image-2", "hunyuan-image-21", "hidream-i1-full",
    "hidream-i1-dev", "hidream-i1-fast", "cogview4", "kolors", "auraflow", "hunyuan-dit", "kandinsky5-t2i-lite", "longcat-image",
    "ovis-image", "ernie-image", "ernie-image-turbo", "prx", "fibo", "wan21-1b", "wan21-14b", "wan22-14b", "wan22-5b", "ltx-video", "hunyuan-video",
    "cogvideox-2b", "cogvideox-5b", "mochi-1",
)  # fmt: skip
BASELINES = ("m3p", "uc2", "mural", "iap-chinese")
"""Systems that are known for their scores, but have no weights that can be read."""
PUBLISHED = (*ADAPTERS, *PROJECTORS, *ENCODERS, *BASES)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    home = tmp_path_factory.mktemp("home")
    with LocalHub.open(Home(home / "registry.db", home, CARDS, "ade")) as opened:
        yield opened


@pytest.fixture
def artifact(hub: LocalHub, request: pytest.FixtureRequest) -> Artifact:
    return hub.registry.get(str(request.param))


def test_no_curated_card_is_left_out(hub: LocalHub) -> None:
    assert hub.index().warnings == ()


@pytest.mark.parametrize("artifact", PUBLISHED, indirect=True)
def test_a_published_system_has_its_source_licence_and_languages(artifact: Artifact) -> None:
    assert artifact.upstream
    for upstream in artifact.upstream:
        assert upstream.repository.count("/") == 1
        assert upstream.revision
    assert artifact.license
    assert artifact.languages


@pytest.mark.parametrize("artifact", PUBLISHED, indirect=True)
def test_an_unknown_licence_is_reported(artifact: Artifact) -> None:
    card = read_card(_folder(artifact), artifact.name)
    if card.license == "unknown":
        assert "licence" in card.prose
        assert card.terms.describe_use(card.license) == "not stated"


@pytest.mark.parametrize("artifact", PUBLISHED, indirect=True)
def test_a_custom_licence_has_a_name(artifact: Artifact) -> None:
    card = read_card(_folder(artifact), artifact.name)
    assert bool(card.terms.name) is ("other" in card.license.split(" AND "))


@pytest.mark.parametrize("artifact", [*ADAPTERS, *PROJECTORS], indirect=True)
def test_a_published_module_names_its_base(artifact: Artifact, hub: LocalHub) -> None:
    assert artifact.bases
    assert artifact.method
    for base in artifact.bases:
        assert hub.registry.get(base).kind == ("encoder" if artifact.kind == "projector" else "base")
    if artifact.encoder:
        assert {hub.registry.get(name).kind for name in split_names(artifact.encoder)} == {"encoder"}


@pytest.mark.parametrize("artifact", BASES, indirect=True)
def test_a_base_has_its_conditioning_and_memory(artifact: Artifact) -> None:
    assert artifact.kind == "base"
    assert artifact.conditioning is not None
    card = read_card(_folder(artifact), artifact.name)
    assert {"vae"} < dict(card.parameters).keys()
    half = total(card.parameters) * 2
    assert f"{half / 1e9:.2f} GB" in card.prose, "the table in the prose and the numbers in the front matter disagree"
    assert f"{half / 1e9:.2f} GB in fp16 or bf16" in describe_memory(total(card.parameters))


@pytest.mark.parametrize("artifact", [*ENCODERS, *MCLIPS], indirect=True)
def test_an_encoder_has_the_size_of_its_text_half(artifact: Artifact) -> None:
    assert artifact.kind == ("projector" if artifact.name.name in MCLIPS else "encoder")
    assert read_card(_folder(artifact), artifact.name).parameters


@pytest.mark.parametrize("artifact", BASELINES, indirect=True)
def test_a_baseline_has_scores_and_its_card_says_that_it_cannot_be_loaded(artifact: Artifact) -> None:
    assert artifact.scores
    prose = read_card(_folder(artifact), artifact.name).prose
    assert "arXiv" in prose
    assert "cannot be loaded" in prose or "cannot load it" in prose
    assert (
        str(missing_weights(artifact))
        == f"`{artifact.name.name}` cannot be loaded: read why with `hub show {artifact.name} --card`."
    )


def test_every_score_of_a_published_system_has_a_source_and_a_doubt_has_a_reason(hub: LocalHub) -> None:
    for name in (*PUBLISHED, *BASELINES):
        for score in hub.registry.get(name).scores:
            assert score.source
            assert score.provenance is not Provenance.SELF_REPORTED
            assert bool(score.reason) is (score.provenance is Provenance.DISPUTED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_search_finds_a_published_system_by_its_name(hub: LocalHub, name: str) -> None:
    found = hub.registry.find(Query(text=name, limit=100)).items
    assert name in [each.name.name for each in found]


def test_writing_a_gated_card_with_counts_and_reading_it_changes_nothing(hub: LocalHub, tmp_path: Path) -> None:
    card = read_card(CARDS / "bases" / "flux1-dev", ArtifactName("linguahub", "flux1-dev"))
    assert card.gated
    assert card.parameters[0] == ("transformer", 11_901_408_320)
    write_card(card, tmp_path)
    assert read_card(tmp_path, ArtifactName("linguahub", "flux1-dev")) == card


def _folder(artifact: Artifact) -> Path:
    (found,) = CARDS.glob(f"*/{artifact.name.name}")
    return found
