"""The variant of a weights file is in its name, as diffusers and transformers write it."""

from __future__ import annotations

import pytest

from hub.errors import DamagedFile
from hub.weights.variants import needed_variant, variant_of


@pytest.mark.parametrize(
    ("file", "variant"),
    [
        ("diffusion_pytorch_model.safetensors", ""), ("model-00001-of-00002.safetensors", ""), ("model.fp16.safetensors", "fp16"),
        ("diffusion_pytorch_model.fp16-00001-of-00002.safetensors", "fp16"), ("model-00001-of-00002.fp16.safetensors", "fp16"),
        ("model.no_ema.safetensors", "no_ema"), ("pytorch_model.safetensors", ""), ("model.fp16.bin", None), ("config.json", None),
        ("adapter_model.safetensors", None),
    ],
)  # fmt: skip
def test_a_file_says_its_variant(file: str, variant: str | None):
    assert variant_of(file) == variant


def test_a_variant_is_needed_only_where_a_part_has_no_plain_weights():
    plain, half, both = (
        ["model.safetensors"],
        ["model.fp16.safetensors"],
        ["model.safetensors", "model.fp16.safetensors"],
    )
    assert needed_variant({"unet": plain, "vae": both, "tokenizer": ["vocab.json"]}, what="x") is None
    assert needed_variant({"unet": half, "vae": both}, what="x") == "fp16"
    assert needed_variant({"unet": [*half, "model.bf16.safetensors"], "vae": half}, what="x") == "fp16"
    with pytest.raises(
        DamagedFile, match="`x` has the weights of its unet only as `bf16`, `fp16`: choose one with `variant=`"
    ):
        needed_variant({"unet": [*half, "model.bf16.safetensors"]}, what="x")
