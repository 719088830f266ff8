"""Inputs of a base beside a module's embeddings: its own glyphs, its own images, and the padding that it has learnt."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from torch import Tensor

from tests.builders.models.bases.parts import SIDE, image
from tests.compatibility.small_case import OTHER, PROMPT, SmallCase

Cases = dict[str, SmallCase]


def plain(case: SmallCase) -> Any:
    """Return the base without a module, as diffusers loads it."""
    return case.shrunk(getattr(diffusers, type(case.pipe).__name__).from_pretrained(case.base_folder))


def test_hunyuan_image_still_reads_quoted_text_as_glyphs(cases: Cases) -> None:
    case = cases["hunyuan-image"]
    prompts = ['aja "OPEN"', PROMPT]
    found = case.pipe.encode_prompt(prompts, num_images_per_prompt=2)
    wanted = plain(case).encode_prompt(prompts, batch_size=2)
    assert not torch.equal(found[0][0, :4], wanted[0][0, :4])
    for glyphs, own in zip(found[2:], wanted[2:], strict=True):
        torch.testing.assert_close(glyphs, own.repeat_interleave(2, dim=0))
    assert found[3].any(1).tolist() == [True, True, False, False]


def test_a_module_reads_the_empty_negative_prompt_of_a_base_that_always_encodes_one(cases: Cases) -> None:
    case = cases["hunyuan-image"]
    assert torch.equal(case.draw(case.pipe), case.draw(case.pipe, negative_prompt=""))
    assert not torch.equal(case.draw(case.pipe), case.draw(case.pipe, negative_prompt=OTHER))


def test_hunyuan_dit_reads_both_streams_padded_to_the_lengths_that_it_has_learnt(cases: Cases) -> None:
    case = cases["hunyuan-dit"]
    wanted = case.direct([PROMPT])
    lengths = []
    for place, stream in enumerate((wanted, *wanted.streams)):
        tokens_1LC, _, mask_1L, _ = case.pipe.encode_prompt(
            PROMPT, do_classifier_free_guidance=False, text_encoder_index=place
        )
        count = stream.tokens_BLC.shape[1]
        torch.testing.assert_close(tokens_1LC[:, :count], stream.tokens_BLC, atol=2e-5, rtol=2e-5)
        assert not mask_1L[:, count:].any()
        lengths.append(tokens_1LC.shape[1])
    assert lengths == [77, 256]


def test_z_image_omni_keeps_the_segments_around_the_prompt(cases: Cases) -> None:
    case = cases["z-image-omni"]
    given: dict[str, Any] = {"do_classifier_free_guidance": False, "num_condition_images": 2}
    found: list[list[Tensor]] = case.pipe.encode_prompt([PROMPT, OTHER], **given)[0]
    wanted: list[list[Tensor]] = plain(case).encode_prompt([PROMPT, OTHER], **given)[0]
    for segments, own in zip(found, wanted, strict=True):
        same = [one.shape == other.shape and torch.equal(one, other) for one, other in zip(segments, own, strict=True)]
        assert same == [True, True, False, True]


def test_qwen_image_21_keeps_the_states_of_images_before_the_prompt(cases: Cases) -> None:
    case = cases["qwen-image-2.1"]
    images = [image().resize((SIDE, SIDE)).convert("RGBA")] * 2
    found_BLC, _, found_BL = case.pipe.encode_prompt([PROMPT, OTHER], image=images)
    wanted_BLC, _, wanted_BL = plain(case).encode_prompt([PROMPT, OTHER], image=images)
    start = int(wanted_BL[0].nonzero()[-1]) + 2
    assert found_BL[:, :start].equal(wanted_BL[:, :start])
    assert not found_BL[:, start:].any()
    torch.testing.assert_close(found_BLC[:, :start], wanted_BLC[:, :start])
    torch.testing.assert_close(
        found_BLC[0, start : start + 4], case.direct([PROMPT]).tokens_BLC[0, :4], atol=2e-5, rtol=2e-5
    )


def test_fibo_reads_the_last_two_layers_of_a_module_side_by_side(cases: Cases) -> None:
    case = cases["bria-fibo"]
    states, without, ids, mask, without_mask, layers, without_layers = case.pipe.encode_prompt(
        PROMPT, negative_prompt=OTHER, num_images_per_prompt=2
    )
    assert len(layers) == len(without_layers) == case.conditioning.layers
    for given, all_layers in ((states, layers), (without, without_layers)):
        assert given.equal(torch.cat([all_layers[-1], all_layers[-2]], dim=-1))
    assert states.shape == without.shape
    assert mask.shape == without_mask.shape == ids.shape[:2] == states.shape[:2]
    assert not states.equal(without)


def test_a_module_s_channels_become_layers_where_the_base_has_them(cases: Cases) -> None:
    layers = {"krea-2": 2, "bria-fibo-2": 1}
    for family, axis in layers.items():
        case = cases[family]
        found = case.pipe.encode_prompt([PROMPT, OTHER])[0]
        wanted = case.direct([PROMPT, OTHER]).tokens_BLC.unflatten(2, (case.conditioning.layers, -1))
        torch.testing.assert_close(found, wanted.movedim(2, axis), atol=2e-5, rtol=2e-5)
