"""Bases and encoders that are upstream: from the cache without a network, in one line when they are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from hub.conditioning import Conditioning
from hub.errors import DoesNotFit, InvalidSource, OutOfMemory, Unreachable
from hub.home import Home
from hub.loader.base_source import BaseSource
from hub.loader.modules.load_encoder import encoder_advice
from hub.loader.sources import ModuleSource, Sources, check_fit
from hub.local import LocalHub
from hub.names import ArtifactName
from tests.builders.upstream.cache import CLOSED, seed, write


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that does not respond."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    return tmp_path / "cache"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """Cards alone: the base `far-sd` and the encoder `far-xlmr`."""
    cards = tmp_path / "cards"
    write(cards / "bases" / "far-sd", "base", "org/sd", "model_index.json", conditioning={"width": 32})
    write(cards / "encoders" / "far-xlmr", "encoder", "org/xlmr", "text/model.safetensors")
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", cards, "ade")) as opened:
        yield opened


def test_a_base_that_is_not_on_this_machine_is_reported_in_one_line_without_a_network(
    load: Callable[..., Any], hub: LocalHub, cache: Path
) -> None:
    with pytest.raises(Unreachable) as caught:
        load(base="far-sd", hub=hub)
    assert str(caught.value) == (
        f"`far-sd` is not on this machine: org/sd is not in {cache}, and {CLOSED} does not respond. "
        "Fetch it with a network connection: `hub pull far-sd`."
    )


def test_a_base_in_the_cache_needs_no_network(
    load: Callable[..., Any], hub: LocalHub, cache: Path, base_folder: Path, draw: Any
) -> None:
    seed(cache, "org/sd", base_folder)
    assert torch.equal(draw(load(base="far-sd", hub=hub), "dog"), draw(load(), "dog"))


def test_an_encoder_in_the_cache_is_found_by_its_name_and_by_its_repository(
    load: Callable[..., Any], hub: LocalHub, cache: Path, make_module: Any, encoder_folder: Path, draw: Any
) -> None:
    seed(cache, "org/xlmr", encoder_folder, "text")
    expected = draw(load(make_module("mulan-yo")), "aja")
    for name in ("linguahub/far-xlmr", "org/xlmr"):
        module = make_module("mulan-yo", encoder={"name": name, "digest": ""})
        assert torch.equal(draw(load(module, encoder=None, hub=hub), "aja"), expected)


def test_an_encoder_half_downloaded_is_refused_and_the_pipeline_stays(
    load: Callable[..., Any], hub: LocalHub, cache: Path, make_module: Any, encoder_folder: Path
) -> None:
    folder = seed(cache, "org/xlmr", encoder_folder, "text")
    (folder / "model.safetensors").unlink()
    pipe = load(hub=hub, encoder=None)
    with pytest.raises(Unreachable, match="`far-xlmr` is not on this machine: org/xlmr is not in.*`hub pull far-xlmr`"):
        pipe.load_adapter(make_module("mulan-yo", encoder={"name": "org/xlmr", "digest": ""}))
    (folder / "pytorch_model.bin.index.json").write_text("{}")
    with pytest.raises(InvalidSource, match="only as pickles"):
        pipe.load_adapter(make_module("mulan-sw", encoder={"name": "org/xlmr", "digest": ""}))
    assert pipe.get_active_adapters() == []


def test_the_error_for_a_gated_base_explains_how_to_get_access(
    load: Callable[..., Any], hub: LocalHub, gated: str
) -> None:
    with pytest.raises(Unreachable) as caught:
        load(base="far-sd", hub=hub)
    assert str(caught.value) == (
        f"`far-sd` is gated: accept its terms at {gated}/org/sd, then `hf auth login`, then `hub pull far-sd`."
    )


class Narrow(StableDiffusionPipeline):
    """A pipeline whose device has no room."""

    def to(self, *arguments: Any, **settings: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def test_the_error_for_too_little_memory_names_options_that_would_fit(
    load: Callable[..., Any], base_folder: Path
) -> None:
    with pytest.raises(OutOfMemory) as caught:
        load(device="meta", pipeline_class=Narrow, dtype=torch.float32)
    parts = StableDiffusionPipeline.from_pretrained(base_folder).components
    sizes = {name: 4 * sum(each.numel() for each in part.parameters()) for name, part in parts.items() if isinstance(part, torch.nn.Module)}  # fmt: skip
    largest = max(sizes, key=lambda name: sizes[name])
    text = str(caught.value)
    assert f"`tiny-sd` takes {sum(sizes.values()) / 1e6:.1f} MB in float32 and does not fit meta" in text
    assert f"`dtype=torch.float16` takes {sum(sizes.values()) / 2e6:.1f} MB" in text
    assert f"`pipe.enable_model_cpu_offload()` takes {sizes[largest] / 1e6:.1f} MB, its {largest}" in text


def test_the_error_for_a_large_encoder_names_a_quantisation_that_would_fit() -> None:
    text = encoder_advice("internvl-14b-text", 6_680_883_200, 2 * 6_680_883_200, torch.device("cpu"))
    assert text == (
        'the text encoder `internvl-14b-text` takes 13.36 GB and does not fit cpu: `encoder_quantisation="8bit"` takes 6.68 GB, '
        "`encoder_quantisation=\"4bit\"` takes 3.76 GB. `device='cpu'` takes 26.72 GB of main memory in float32, and 13.36 GB with "
        "`dtype=torch.bfloat16`."
    )


def test_an_encoder_that_finds_no_room_leaves_the_pipeline_as_it_was(
    load: Callable[..., Any], make_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    pipe = load()
    monkeypatch.setattr("hub.loader.modules.load_encoder.TextEncoder.from_folder", full)
    with pytest.raises(OutOfMemory, match="the text encoder `linguahub/tiny-xlmr` takes"):
        pipe.load_adapter(make_module("mulan-yo"))
    assert pipe.get_active_adapters() == []


def test_a_big_encoder_is_announced_before_it_is_loaded(
    load: Callable[..., Any], make_module: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(make_module("mulan-yo"))
    assert "loading the text encoder" not in caplog.text
    monkeypatch.setattr("hub.loader.modules.load_encoder.BIG_BYTES", 1)
    load(make_module("mulan-yo"))
    assert "loading the text encoder `linguahub/tiny-xlmr`" in caplog.text
    assert "in float32" in caplog.text


@pytest.mark.parametrize(
    ("reads", "gives"),
    [
        (Conditioning(width=32, length=77), "gives 16 tokens of width 32, but `tiny-sd` takes 77 tokens of width 32"),
        (Conditioning(width=32, pooled_width=64), "takes any number of tokens of width 32, pooled 64"),
        (Conditioning(width=64), "takes any number of tokens of width 64"),
    ],
    ids=["length", "pooled", "width"],
)
def test_an_upstream_file_that_does_not_fit_names_both_sides(
    make_module: Any, base_folder: Path, reads: Conditioning, gives: str
) -> None:
    base = Sources(None).base(base_folder, None)
    module = Sources(None).module(make_module("mulan-yo"), base, None)
    with pytest.raises(DoesNotFit, match=gives):
        check_fit(module, reading(base, reads))


def test_a_module_trained_on_another_digest_of_the_base_is_refused(make_module: Any, base_folder: Path) -> None:
    from dataclasses import replace

    base = replace(Sources(None).base(base_folder, None), digest="b" * 64)
    module: ModuleSource = Sources(None).module(make_module("mulan-yo", base={"digest": "a" * 64}), base, None)
    with pytest.raises(DoesNotFit, match=r"with digest aaaaaaaaaaaa, and `tiny-sd` here has bbbbbbbbbbbb.*`revision=`"):
        check_fit(module, base)


def test_the_error_for_a_language_without_a_module_lists_the_loaded_ones_and_the_search(
    load: Callable[..., Any], make_module: Any
) -> None:
    pipe = load(make_module("mulan-yo"))
    with pytest.raises(DoesNotFit, match=r"no loaded module reads Swahili.*`mulan-yo` reads yo.*hub search --lang sw"):
        pipe("mbwa", language="sw", num_inference_steps=1)
    assert pipe.get_active_adapters() == ["mulan-yo"]


def reading(base: BaseSource, conditioning: Conditioning) -> BaseSource:
    from dataclasses import replace

    return replace(base, conditioning=conditioning)


def test_names_of_upstream_repositories_are_not_names_of_artifacts(hub: LocalHub) -> None:
    assert hub.registry.get("far-xlmr").name == ArtifactName("linguahub", "far-xlmr")
