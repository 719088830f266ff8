"""`load_pipeline("sd15", adapter="mulan-yo")` over HTTP: a second hub serves small models under the names and in the layouts of huggingface.co."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.utils import disable_progress_bars
from PIL import Image

from hub.cli import main
from hub.errors import DoesNotFit, InvalidRequest, UnknownBase, Unreachable
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.composition import find_module
from hub.registry.artifacts.repositories import change_settings
from tests.builders.models.originals import WIDTH, save_original
from tests.builders.serving import serving
from tests.builders.upstream import served
from tests.builders.upstream.cache import CLOSED

OUTPUT = {"num_inference_steps": 2, "output_type": "np"}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Iterator[str]:
    """The address of the hub that plays huggingface.co."""
    disable_progress_bars()
    scratch = tmp_path_factory.mktemp("upstream")
    tokenizer = base_folder / "tokenizer"
    with served.open_home(scratch / "home", scratch / "no-cards") as hub:
        served.fill(hub, scratch, tokenizer)
        tuned = save_original("sd15", scratch / "tuned", tokenizer)
        served.publish(hub, "Lykon/dreamshaper-8", tuned, card="base_model: runwayml/stable-diffusion-v1-5")
        served.publish(hub, "eve/no-parent", tuned, card="license: other")
        half = _in_half(tuned, scratch / "half")
        served.publish(hub, "eve/only-fp16", half, card="base_model: stable-diffusion-v1-5/stable-diffusion-v1-5")
        served.publish(hub, "kandinsky/two", served.write_index(scratch / "kandinsky", "KandinskyV22CombinedPipeline"))
        (scratch / "files").mkdir()
        (scratch / "files" / "notes.json").write_text("{}")
        served.publish(hub, "eve/files", scratch / "files")
        served.publish(hub, "eve/gated", served.write_index(scratch / "gated", "StableDiffusionPipeline"))
        change_settings(hub.registry.database, ArtifactName("eve", "gated"), served.SETUP, gated="manual")
        with serving(hub) as address:
            yield address


def _in_half(folder: Path, to: Path) -> Path:
    """Save a pipeline as people do with `variant="fp16"` alone."""
    from diffusers import DiffusionPipeline

    DiffusionPipeline.from_pretrained(folder, dtype=torch.float16).save_pretrained(to, variant="fp16")
    return to


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hugging Face's cache, which these tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def through(upstream: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Hugging Face's libraries ask the second hub, as HF_ENDPOINT does."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_XET_CACHE", str(cache / "xet"))
    _ask(upstream, monkeypatch)


def _ask(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """An installation with cards alone."""
    folder = tmp_path_factory.mktemp("here")
    with served.open_home(folder / "home", served.copy_cards(folder / "cards")) as opened:
        yield opened


@pytest.fixture
def load(hub: LocalHub) -> Callable[..., Any]:
    def loaded(base: str | Path, adapter: Any = None, **settings: Any) -> Any:
        pipe = load_pipeline(base, adapter=adapter, hub=hub, device="cpu", **settings)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return loaded


@pytest.mark.parametrize("base", served.BASES)
def test_a_module_for_one_language_is_fetched_and_works_on_each_base_of_mulan(
    base: str, load: Any, hub: LocalHub, caplog: Any
):
    with caplog.at_level(logging.INFO, logger="hub.loader.sources"):
        pipe = load(base, "mulan-yo")
    assert "zero-shot: trained on English, no Yoruba score yet" in caplog.text
    assert pipe.readers(["aja", "a dog"], language=["yo", "en"]) == [("mulan-yo",), ("",)]
    settings = OUTPUT | ({"use_resolution_binning": False} if base == "pixart-alpha" else {})  # Its sizes are tiny.
    through, alone = (
        pipe("aja", language=each, generator=torch.manual_seed(0), **settings).images for each in ("yo", "en")
    )
    assert through.shape == alone.shape
    assert abs(through - alone).max() > 0
    module, _ = find_module(hub.registry, "mulan-yo", [base])
    assert module.weights_digest  # It is recorded under its own name, and loads without a network from now on.
    assert "Convert mulanai/mulan-lang-adapter/" in hub.registry.revision(module.name).message


def test_a_fetched_module_loads_without_a_network(load: Any, monkeypatch: pytest.MonkeyPatch):
    load("sd15", "mulan-yo")
    load("eve/only-fp16")
    _ask(CLOSED, monkeypatch)
    assert load("sd15", ["mulan-yo", "mulan-fr"]).get_active_adapters() == ["mulan-yo", "mulan-fr"]
    assert load("eve/only-fp16", "mulan-yo").get_active_adapters() == ["mulan-yo"]


@pytest.mark.parametrize(
    "name",
    ["runwayml/stable-diffusion-v1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5", "SD15", "sd 1.5", "sd-1.5"],
)
def test_a_base_is_found_by_the_names_that_people_write(name: str, load: Any):
    expected = load("sd15").encode_prompt("dog", "cpu", 1, False)[0]
    assert torch.equal(load(name).encode_prompt("dog", "cpu", 1, False)[0], expected)


@pytest.mark.parametrize("name", ["Lykon/dreamshaper-8", "eve/no-parent", "eve/only-fp16"])
def test_a_fine_tune_takes_the_modules_of_its_parent_or_of_its_conditioning(name: str, load: Any):
    pipe = load(name, "mulan-yo")
    assert pipe.get_active_adapters() == ["mulan-yo"]
    assert pipe("aja", language="yo", **OUTPUT).images.shape[-1] == 3


def test_a_folder_with_fp16_files_alone_loads_with_and_without_its_variant(
    load: Any, base_folder: Path, tmp_path: Path
):
    half = _in_half(save_original("sd15", tmp_path / "whole", base_folder / "tokenizer"), tmp_path / "half")
    first, second = load(half), load(half, variant="fp16")
    assert torch.equal(first.unet.conv_in.weight, second.unet.conv_in.weight)
    assert load(half, "mulan-yo", dtype=torch.float16).unet.dtype == torch.float16


def test_a_trained_module_wins_over_a_multilingual_one(load: Any, hub: LocalHub, tmp_path: Path):
    from hub.publish.publish import publish

    before = load("sd15", "mulan-sw").encode_prompt("aja", "cpu", 1, False, language="sw")[0]
    folder = tmp_path / "mulan-sw"
    source = hub.snapshot("mulan-sd15-base")
    if not (source / "sd15").is_dir():
        load("sd15", "mulan-sd15-base")
        source = hub.snapshot("mulan-sd15-base")
    shutil.copytree(source / "sd15", folder / "sd15")
    card = '{"language": "sw", "license": "mit", "linguahub": {"kind": "adapter", "method": "mulan", "summary": "Trained."}}'
    (folder / "README.md").write_text(f"---\n{card}\n---\n\nTrained.\n")
    config = folder / "sd15" / "config.json"
    text = config.read_text()
    config.unlink()
    config.write_text(text.replace('"mul"', '"sw"'))
    publish(folder, ArtifactName("ada", "mulan-sw"), hub.registry, hub.store)
    assert find_module(hub.registry, "mulan-sw", ["sd15"])[0].name == ArtifactName("ada", "mulan-sw")
    assert find_module(hub.registry, "mulan-sw", ["sdxl"])[0].name.name == "mulan-sdxl-aesthetic"
    after = load("sd15", "mulan-sw").encode_prompt("aja", "cpu", 1, False, language="sw")[0]
    assert after.shape == before.shape == (1, served.QUERIES, WIDTH)


@pytest.mark.parametrize(
    ("base", "error", "said"),
    [
        ("stabilityai/stable-diffusion-xl-base-1", UnknownBase, r"Did you mean `stabilityai/stable-diffusion-xl-base-1\.0`.*`hf auth login`"),
        ("kandinsky/two", DoesNotFit, r"`kandinsky/two` is a `KandinskyV22CombinedPipeline`.*supported families: .*stable-diffusion"),
        ("eve/files", InvalidRequest, r"`eve/files` is not a pipeline in diffusers' layout: .*`hf download eve/files FILE`"),
        ("eve/gated", Unreachable, r"`eve/gated` is gated: accept its terms at .*`hf auth login`, then `hf download eve/gated`"),
        ("sdx", UnknownBase, r"no base is called `sdx`\. Did you mean `sdxl`"),
        ("not a base", UnknownBase, r"no base is called `not a base`\."),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_used_is_one_line(base: str, error: type[Exception], said: str, load: Any):
    with pytest.raises(error, match=said) as caught:
        load(base, "mulan-yo")
    assert "\n" not in str(caught.value)


def test_a_repository_that_is_not_here_is_one_line_without_a_network(load: Any, monkeypatch: pytest.MonkeyPatch):
    _ask(CLOSED, monkeypatch)
    with pytest.raises(Unreachable, match=r"`org/new` is not on this machine.*does not respond.*`hf download org/new`"):
        load("org/new")


def test_a_name_without_a_module_for_the_base_is_refused_before_anything_is_fetched(load: Any):
    with pytest.raises(DoesNotFit, match="`mulan-sd15-aesthetic` has no variant for `sdxl`, only for `sd15`"):
        load("sdxl", "mulan-sd15-aesthetic")


def test_the_command_generates_an_image_and_records_the_module_that_stood_in(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(hub.home.cards))
    path = tmp_path / "dog.png"
    command = [
        "generate",
        "aja",
        "--base",
        "SD 1.5",
        "--adapter",
        "mulan-yo",
        "--lang",
        "yo",
        "--steps",
        "1",
        "-o",
        str(path),
    ]
    assert main(command) == 0, capsys.readouterr().err
    said = capsys.readouterr().err
    assert "`mulan-yo` on sd15 is mulan-sd15-aesthetic (zero-shot: trained on English, no Yoruba score yet)." in said
    with Image.open(path) as image:
        assert image.text["adapter"] == "mulan-yo = mulan-sd15-aesthetic"
        assert image.text["adapter revision"] == hub.registry.revision("mulan-sd15-aesthetic").id
    for base, code in (("eve/gated", 1), ("sd 15x", 2)):
        assert main([*command[:3], base, *command[4:]]) == code
        (line,) = (each for each in capsys.readouterr().err.splitlines() if each.startswith("hub: "))
        assert f"`{base}`" in line
