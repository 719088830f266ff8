"""The lab's models are what diffusers and transformers expect of their classes."""

from __future__ import annotations

import torch

from hub.embeddings import masked_mean
from hub.images.contact_sheet import SheetRow, contact_sheet
from trainers.lab.models.clip import make_tokenizer
from trainers.lab.models.pairs import augment
from trainers.lab.models.vae import encode_images, fold_statistics, make_vae
from trainers.loop.sampler import generator_of


@torch.no_grad()
def test_folding_statistics_makes_latents_standard_and_leaves_images_as_they_were() -> None:
    vae = make_vae().eval()
    images = torch.randint(0, 255, (6, 3, 64, 64), dtype=torch.uint8, generator=generator_of("images"))
    before = encode_images(vae, images)
    drawn = vae.decode(before).sample
    fold_statistics(vae, before)
    after = encode_images(vae, images)
    torch.testing.assert_close(after.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    # Two paths through fp32 convolutions round differently.
    torch.testing.assert_close(vae.decode(after).sample, drawn, atol=1e-3, rtol=1e-3)


def test_the_english_tokenizer_reads_other_scripts_as_bytes() -> None:
    tokenizer = make_tokenizer(["red heart", "blue heart", "red circle"] * 20, vocabulary=600)
    ids = tokenizer("ọkàn 红").input_ids
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert tokenizer("red heart").input_ids == tokenizer("Red  heart").input_ids
    assert tokenizer.eos_token_id != 2


def test_the_mean_state_ignores_padding() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert masked_mean(states, torch.tensor([[1, 1, 0]])).item() == 2.0


def test_augmented_images_depend_on_the_generator_alone() -> None:
    images = torch.rand(3, 3, 64, 64)
    first, again, other = (augment(images, generator_of("augment", seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_contact_sheet_has_a_row_for_each_prompt_and_cuts_no_image() -> None:
    from PIL import Image

    red = Image.new("RGB", (64, 64), (255, 0, 0))
    drawn = contact_sheet([SheetRow("ọkàn pupa " * 20, [red, red])] * 3, ["real", "drawn"])
    # Two columns of three images of pure red, each 64 px enlarged three times.
    assert sum(pixel == (255, 0, 0) for pixel in drawn.get_flattened_data()) == 6 * 192 * 192
