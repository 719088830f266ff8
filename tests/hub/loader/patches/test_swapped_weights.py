"""MuLan's own `add_embedding` for Stable Diffusion XL stands in the denoiser while the module reads, as mulankit assigns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.models.embeddings import TimestepEmbedding
from safetensors.torch import load_file
from torch import Tensor

from hub.errors import DoesNotFit, WeightsDoNotFit
from tests.builders.models.originals import POOLED, SECOND, WIDTH, sdxl, unet
from tests.builders.models.pooled_head import expected_of
from tests.builders.models.tiny import clip_tokenizer

SIZES = 6 * 4
"""Channels of the six sizes that SDXL reads beside the pooled vector."""
ADDED = SIZES + POOLED
CONDITIONS = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4,
    "projection_class_embeddings_input_dim": ADDED,
}


@pytest.fixture(scope="session")
def xl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SDXL whose embedding of time is as wide as the pooled vector, 1280 in the original."""
    torch.manual_seed(5)
    pipe = sdxl(clip_tokenizer())
    pipe.register_modules(unet=unet(WIDTH + SECOND, time_embedding_dim=POOLED, **CONDITIONS))
    folder = tmp_path_factory.mktemp("bases") / "tiny-xl"
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture
def mulan(module_folder: Callable[..., Path], internvl: Path) -> Path:
    return module_folder(add_embedding=ADDED)


@pytest.fixture
def pipe(load: Callable[..., Any], xl_folder: Path, internvl: Path, mulan: Path) -> Any:
    return load(mulan, base=xl_folder, encoder=internvl)


def assigned(xl_folder: Path, mulan: Path) -> Any:
    """The plain pipeline, changed as mulankit does: `unet.add_embedding = adapter.add_embedding`."""
    pipe: Any = StableDiffusionXLPipeline.from_pretrained(xl_folder)
    pipe.set_progress_bar_config(disable=True)
    weights = load_file(mulan / "tiny-xl" / "model.safetensors")
    part = TimestepEmbedding(ADDED, POOLED)
    part.load_state_dict(
        {
            key.removeprefix("add_embedding."): value
            for key, value in weights.items()
            if key.startswith("add_embedding.")
        }
    )
    pipe.unet.add_embedding = part
    return pipe


def by_embeddings(pipe: Any, tokens: Tensor, negative: Tensor, pooled: Tensor, draw: Callable[..., Tensor]) -> Tensor:
    given = {
        "prompt_embeds": tokens, "negative_prompt_embeds": negative, "pooled_prompt_embeds": pooled,
        "negative_pooled_prompt_embeds": torch.zeros_like(pooled),
    }  # fmt: skip
    return draw(pipe, None, height=32, width=32, **given)


def test_images_are_those_of_the_assignment(
    pipe: Any, xl_folder: Path, internvl: Path, mulan: Path, draw: Callable[..., Tensor]
) -> None:
    found = draw(pipe, "aja eye", height=32, width=32, language="zh")
    tokens, negative, pooled, negative_pooled = pipe.encode_prompt("aja eye", language="zh")
    assert negative_pooled.abs().sum() == 0
    theirs = assigned(xl_folder, mulan)
    assert torch.equal(found, by_embeddings(theirs, tokens, negative, pooled, draw))
    plainly = by_embeddings(theirs, *_plain(internvl), draw)
    torch.testing.assert_close(found, plainly, atol=1e-4, rtol=1e-4)  # embeddings are sums in another order
    own: Any = StableDiffusionXLPipeline.from_pretrained(xl_folder)
    own.set_progress_bar_config(disable=True)
    assert (found - by_embeddings(own, tokens, negative, pooled, draw)).abs().max() > 1e-3


def _plain(internvl: Path) -> tuple[Tensor, Tensor, Tensor]:
    tokens, pooled = expected_of(internvl, "aja eye")
    return tokens, expected_of(internvl, "")[0], pooled


def test_unload_and_english_give_the_base_back_bit_for_bit(
    pipe: Any, load: Callable[..., Any], xl_folder: Path, draw: Callable[..., Tensor]
) -> None:
    size = {"height": 32, "width": 32}
    base = load(base=xl_folder)
    expected, before = draw(base, "dog", **size), base.unet.state_dict()
    draw(pipe, "aja", language="zh", **size)
    changed = pipe.unet.state_dict()
    assert sorted(key for key in before if not torch.equal(before[key], changed[key])) == [
        "add_embedding.linear_1.bias", "add_embedding.linear_1.weight", "add_embedding.linear_2.bias", "add_embedding.linear_2.weight",
    ]  # fmt: skip
    assert torch.equal(draw(pipe, "dog", language="en", **size), expected)
    draw(pipe, "aja", language="zh", **size)
    pipe.unload()
    after = pipe.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert torch.equal(draw(pipe, "dog", **size), expected)


def test_it_can_be_added_and_removed_beside_loras(
    load: Callable[..., Any], xl_folder: Path, internvl: Path, mulan: Path, draw: Callable[..., Tensor]
) -> None:
    from peft import LoraConfig

    pipe = load(base=xl_folder, encoder=internvl)
    torch.manual_seed(1)
    pipe.unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["add_embedding.linear_1", "to_q"]))
    size = {"height": 32, "width": 32}
    before = draw(pipe, "dog", **size)
    pipe.load_adapter(mulan)
    assert not torch.equal(draw(pipe, "dog", language="zh", **size), before)
    pipe.unload()
    assert torch.equal(draw(pipe, "dog", **size), before)


def test_a_base_of_other_sizes_is_refused_and_stays_as_it_was(
    load: Callable[..., Any],
    xl_folder: Path,
    internvl: Path,
    module_folder: Callable[..., Path],
    draw: Callable[..., Tensor],
) -> None:
    pipe = load(base=xl_folder, encoder=internvl)
    before = draw(pipe, "dog", height=32, width=32)
    with pytest.raises(WeightsDoNotFit) as caught:
        pipe.load_adapter(module_folder(add_embedding=ADDED + 4))
    assert caught.value.problems == [
        f"the denoiser's `add_embedding.linear_1.weight` is {POOLED}×{ADDED + 4} and should be {POOLED}×{ADDED}"
    ]
    assert pipe.get_active_adapters() == []
    assert torch.equal(draw(pipe, "dog", height=32, width=32), before)


def test_a_batch_of_the_base_and_the_module_is_refused(pipe: Any) -> None:
    with pytest.raises(DoesNotFit, match="all prompts of one call share a denoiser"):
        pipe.encode_prompt(["aja", "dog"], language=["zh", "en"])


def test_saving_after_a_prompt_saves_the_base(
    pipe: Any, load: Callable[..., Any], xl_folder: Path, tmp_path: Path, draw: Callable[..., Tensor]
) -> None:
    size = {"height": 32, "width": 32}
    through_module = draw(pipe, "aja", language="zh", **size)
    pipe.save_pretrained(tmp_path / "saved")
    saved: Any = StableDiffusionXLPipeline.from_pretrained(tmp_path / "saved")
    saved.set_progress_bar_config(disable=True)
    assert torch.equal(draw(saved, "dog", **size), draw(load(base=xl_folder), "dog", **size))
    assert torch.equal(draw(pipe, "aja", language="zh", **size), through_module)
