"""Modules have exactly the layers, keys and sizes of the published systems."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.errors import DoesNotFit
from hub.systems.architectures import build
from hub.systems.shared.language_module import LanguageModule


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def resampler(**changes: Any) -> Any:
    """8 queries, width 16, over states of width 12."""
    return build("resampler", {"in_width": 12, "out_width": 16, "queries": 8, "heads": 4, **changes}).eval()


@pytest.mark.parametrize(
    ("architecture", "sizes", "count"),
    [
        ("resampler", {"in_width": 4096, "out_width": 768}, 20_371_968),
        ("resampler", {"in_width": 4096, "out_width": 1024}, 34_764_800),
        ("projector", {"in_width": 1024, "out_width": 2048, "hidden_width": 1024, "pooled_width": 1280}, 6_033_408),
        ("projector", {"in_width": 2048, "out_width": 2048, "hidden_width": 2048, "pooled_width": 1280}, 13_637_632),
        ("projector", {"in_width": 1024, "out_width": 768, "hidden_width": 2048}, 7_866_368),
        ("bottleneck", {"in_width": 768, "out_width": 768}, 100_672),
    ],
)
def test_published_sizes_have_the_published_number_of_weights(
    architecture: str, sizes: dict[str, Any], count: int
) -> None:
    with torch.device("meta"):
        module = build(architecture, sizes)
    assert sum(parameter.numel() for parameter in module.parameters()) == count


def test_the_resampler_has_mulankits_keys() -> None:
    attention = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    both = [f"{name}.{kind}" for name in ("linear1", "linear2", "norm1", "norm2") for kind in ("weight", "bias")]
    expected = {"queries", "proj.0.weight", "proj.0.bias", "proj.2.weight", "proj.2.bias"}
    expected |= {
        f"transformer.encoder.layers.0.{each}" for each in [*both, *(f"self_attn.{each}" for each in attention)]
    }
    decoder = [
        *both,
        "norm3.weight",
        "norm3.bias",
        *(f"{kind}.{each}" for kind in ("self_attn", "multihead_attn") for each in attention),
    ]
    expected |= {f"transformer.decoder.layers.0.{each}" for each in decoder}
    expected |= {f"transformer.{stack}.norm.{kind}" for stack in ("encoder", "decoder") for kind in ("weight", "bias")}
    assert set(resampler().state_dict()) == expected


def test_the_resampler_computes_its_formula() -> None:
    module = resampler()
    tokens_BLE = torch.randn(3, 5, 12)
    expected = by_formula({key: value.detach() for key, value in module.state_dict().items()}, tokens_BLE, heads=4)
    # Two orders of summation in float32.
    torch.testing.assert_close(module(tokens_BLE).tokens_BLC, expected, atol=2e-6, rtol=1e-5)


def by_formula(w: dict[str, Tensor], tokens_BLE: Tensor, heads: int) -> Tensor:
    """MuLan's adapter, written out: pre-norm blocks, ReLU, final norms, nothing masked, no positions."""

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return (x - mean) / torch.sqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attend(x: Tensor, memory: Tensor, name: str) -> Tensor:
        width = x.shape[-1]
        matrices, shifts = w[f"{name}.in_proj_weight"].split(width), w[f"{name}.in_proj_bias"].split(width)
        q, k, v = (
            (each @ matrix.T + shift).unflatten(-1, (heads, -1)).transpose(1, 2)
            for each, matrix, shift in zip((x, memory, memory), matrices, shifts, strict=True)
        )
        share = (q @ k.mT / math.sqrt(width // heads)).softmax(-1)
        return linear((share @ v).transpose(1, 2).flatten(2), f"{name}.out_proj")

    def feed(x: Tensor, name: str) -> Tensor:
        return linear(linear(x, f"{name}.linear1").relu(), f"{name}.linear2")

    x = linear(F.gelu(linear(tokens_BLE, "proj.0")), "proj.2")
    layer = "transformer.encoder.layers.0"
    normed = norm(x, f"{layer}.norm1")
    x = x + attend(normed, normed, f"{layer}.self_attn")
    x = x + feed(norm(x, f"{layer}.norm2"), layer)
    memory = norm(x, "transformer.encoder.norm")
    x = w["queries"].repeat(len(tokens_BLE), 1, 1)
    layer = "transformer.decoder.layers.0"
    normed = norm(x, f"{layer}.norm1")
    x = x + attend(normed, normed, f"{layer}.self_attn")
    x = x + attend(norm(x, f"{layer}.norm2"), memory, f"{layer}.multihead_attn")
    x = x + feed(norm(x, f"{layer}.norm3"), layer)
    return norm(x, "transformer.decoder.norm")


def test_the_published_resampler_reads_pads_and_masking_them_is_ours() -> None:
    tokens_BLE = torch.randn(2, 6, 12)
    mask_BL = torch.arange(6)[None] < torch.tensor([[3], [6]])
    changed = tokens_BLE.masked_fill(~mask_BL[:, :, None], 9.0)
    faithful = resampler()
    assert not torch.allclose(faithful(tokens_BLE, mask_BL).tokens_BLC, faithful(changed, mask_BL).tokens_BLC)
    masked = resampler(mask=True)
    found = masked(tokens_BLE, mask_BL).tokens_BLC
    torch.testing.assert_close(found, masked(changed, mask_BL).tokens_BLC, atol=1e-6, rtol=1e-5)
    alone = masked(tokens_BLE[:1, :3]).tokens_BLC
    torch.testing.assert_close(found[:1], alone, atol=1e-6, rtol=1e-5)


def test_options_of_ours_add_no_weights() -> None:
    assert resampler().state_dict().keys() == resampler(mask=True, normalise_input=True).state_dict().keys()


def test_a_normalised_input_can_have_any_scale() -> None:
    module = resampler(normalise_input=True)
    tokens_BLE = torch.randn(2, 5, 12)
    torch.testing.assert_close(
        module(tokens_BLE).tokens_BLC, module(100 * tokens_BLE + 3).tokens_BLC, atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("linears", [3, 4, 5])
def test_the_projector_computes_its_formula(linears: int) -> None:
    sizes = {"in_width": 6, "out_width": 4, "hidden_width": 5, "linears": linears}
    module = build("projector", sizes)
    weights = module.state_dict()
    assert set(weights) == {
        "layernorm.weight",
        "layernorm.bias",
        *(f"projector.{2 * place}.weight" for place in range(linears)),
    }
    tokens_BLE = torch.randn(2, 3, 6)
    x = F.layer_norm(tokens_BLE, (6,), weights["layernorm.weight"], weights["layernorm.bias"])
    for place in range(linears):
        x = (F.gelu(x) if place else x) @ weights[f"projector.{2 * place}.weight"].T
    torch.testing.assert_close(module(tokens_BLE).tokens_BLC, x)
    assert module(tokens_BLE).pooled_BP is None


def test_with_a_pooled_width_the_mean_is_pooled_and_fc_gives_the_tokens() -> None:
    module = build("projector", {"in_width": 6, "out_width": 4, "hidden_width": 5, "pooled_width": 3})
    assert {"fc.weight", "fc.bias"} < set(module.state_dict())
    tokens_BLE = torch.randn(2, 7, 6)
    found = module(tokens_BLE)
    p_BLP = module.projector(module.layernorm(tokens_BLE))
    torch.testing.assert_close(found.pooled_BP, p_BLP.mean(1))
    torch.testing.assert_close(found.tokens_BLC, module.fc(F.gelu(p_BLP)))


@pytest.mark.parametrize("in_width", [4, 6])
def test_the_bottleneck_computes_its_formula(in_width: int) -> None:
    module = build("bottleneck", {"in_width": in_width, "out_width": 4, "bottleneck_width": 3})
    w = module.state_dict()
    assert ("project.weight" in w) is (in_width != 4), "a first linear layer only where widths differ"
    tokens_BLE = torch.randn(2, 5, in_width)
    x = tokens_BLE @ w["project.weight"].T + w["project.bias"] if in_width != 4 else tokens_BLE
    down = F.layer_norm(x, (4,), w["norm.weight"], w["norm.bias"]) @ w["down.weight"].T + w["down.bias"]
    torch.testing.assert_close(module(tokens_BLE).tokens_BLC, x + F.gelu(down) @ w["up.weight"].T + w["up.bias"])


def test_the_pooled_vector_of_a_bottleneck_is_the_mean_over_the_tokens_that_count() -> None:
    module = build(
        "bottleneck", {"in_width": 4, "out_width": 4, "bottleneck_width": 3, "pooled_width": 7, "mask": True}
    )
    tokens_BLE, mask_BL = torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True, True, False, False, False]])
    found = module(tokens_BLE, mask_BL)
    inner = F.gelu(module.down(module.norm(tokens_BLE)))
    expected = torch.stack([inner[0].mean(0), inner[1, :2].mean(0)]) @ module.pool.weight.T + module.pool.bias
    torch.testing.assert_close(found.pooled_BP, expected)
    assert torch.equal(found.mask_BL, mask_BL)


def test_an_untrained_bottleneck_hands_its_input_on() -> None:
    tokens_BLE = torch.randn(2, 5, 32)
    found = build("bottleneck", {"in_width": 32, "out_width": 32})(tokens_BLE).tokens_BLC
    assert (found - tokens_BLE).abs().max() < 0.01
    assert (found - tokens_BLE).abs().max() > 0, "and gradients can leave it"


@pytest.mark.parametrize(
    ("architecture", "sizes"), [("resampler", {"queries": 5}), ("projector", {"hidden_width": 9}), ("bottleneck", {})]
)
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (3, 11)])
def test_every_module_takes_any_batch_and_length(
    architecture: str, sizes: dict[str, Any], batch: int, length: int
) -> None:
    module = build(architecture, {"in_width": 10, "out_width": 16, **sizes})
    assert isinstance(module, LanguageModule)
    tokens_BLC = module(torch.randn(batch, length, 10), torch.ones(batch, length)).tokens_BLC
    assert tokens_BLC.shape == (batch, 5 if architecture == "resampler" else length, 16)


def test_sizes_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DoesNotFit, match="cannot be split among 5 heads"):
        resampler(heads=5)
    with pytest.raises(DoesNotFit, match="at least 2"):
        build("projector", {"in_width": 6, "out_width": 4, "hidden_width": 5, "linears": 1})


SDXL = {"in_width": 4096, "widths": (1280, 768), "pooled_width": 1280}


@pytest.mark.parametrize(
    ("changes", "millions"),
    [
        ({"pool": "text"}, 75.95),
        ({"pool": "text", "add_embedding": 2816}, 81.20),
        ({"pool": "attention"}, 88.79),
        ({"pool": "attention", "add_embedding": 2816}, 94.04),
    ],
)
def test_every_published_form_of_mulans_sdxl_adapter_has_its_number_of_weights(
    changes: dict[str, Any], millions: float
) -> None:
    with torch.device("meta"):
        module = build("resampler-xl", {**SDXL, **changes})
    assert sum(parameter.numel() for parameter in module.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_the_sdxl_adapter_has_mulankits_keys_and_shapes() -> None:
    with torch.device("meta"):
        by_text = build("resampler-xl", {**SDXL, "pool": "text", "add_embedding": 2816}).state_dict()
        by_attention = build("resampler-xl", SDXL).state_dict()
        one = build("resampler", {"in_width": 4096, "out_width": 768}).state_dict()
    shapes = {key: tuple(value.shape) for key, value in (by_attention | by_text).items()}
    assert {key.removeprefix("adapter2."): shapes[key] for key in shapes if key.startswith("adapter2.")} == {
        key: tuple(value.shape) for key, value in one.items()
    }
    assert shapes["adapter1.queries"] == (1, 120, 1280)
    pool = {key: shape for key, shape in shapes.items() if not key.startswith("adapter")}
    square = {f"pool_caption_projection.{each}_proj.weight": (2048, 2048) for each in "qkv"}
    assert pool == square | {f"pool_caption_projection.{each}_proj.bias": (2048,) for each in "qkv"} | {
        "pool_caption_projection.positional_embedding": (121, 2048),
        "pool_caption_projection.c_proj.weight": (1280, 2048),
        "pool_caption_projection.c_proj.bias": (1280,),
        "pool_caption_projection.linear_1.weight": (1280, 768),
        "pool_caption_projection.linear_1.bias": (1280,),
        "pool_caption_projection.linear_2.weight": (1280, 1280),
        "pool_caption_projection.linear_2.bias": (1280,),
        "add_embedding.linear_1.weight": (1280, 2816),
        "add_embedding.linear_1.bias": (1280,),
        "add_embedding.linear_2.weight": (1280, 1280),
        "add_embedding.linear_2.bias": (1280,),
    }


def test_the_sdxl_adapter_computes_its_formula() -> None:
    sizes = {"in_width": 12, "widths": (16, 8), "pooled_width": 10, "queries": 5, "heads": 4}
    module = build("resampler-xl", sizes)
    w = {key: value.detach() for key, value in module.state_dict().items()}
    tokens_BLE = torch.randn(3, 6, 12)
    found = module(tokens_BLE)
    both = [
        by_formula({key.removeprefix(f"{name}."): value for key, value in w.items() if key.startswith(name)}, tokens_BLE, 4)
        for name in ("adapter1", "adapter2")
    ]  # fmt: skip
    tokens_BQC = torch.cat(both, dim=-1)
    torch.testing.assert_close(found.tokens_BLC, tokens_BQC, atol=2e-6, rtol=1e-5)
    x = torch.cat([tokens_BQC.mean(1, keepdim=True), tokens_BQC], 1) + w["pool_caption_projection.positional_embedding"]
    q, k, v = (
        x @ w[f"pool_caption_projection.{each}_proj.weight"].T + w[f"pool_caption_projection.{each}_proj.bias"] for each in "qkv"
    )  # fmt: skip
    heads = []
    for head in range(4):
        part = slice(6 * head, 6 * head + 6)
        share = (q[:, :1, part] @ k[..., part].mT / math.sqrt(6)).softmax(-1)
        heads.append((share @ v[..., part])[:, 0])
    linear = "pool_caption_projection.c_proj"
    expected = torch.cat(heads, -1) @ w[f"{linear}.weight"].T + w[f"{linear}.bias"]
    torch.testing.assert_close(found.pooled_BP, expected, atol=2e-6, rtol=1e-5)


def test_the_textual_pooled_head_projects_the_encoders_own_vector_and_needs_it() -> None:
    module = build("resampler-xl", {"in_width": 12, "widths": (16, 8), "pooled_width": 10, "queries": 5, "heads": 4,
                                    "pool": "text", "text_width": 7})  # fmt: skip
    pooled_BD = torch.randn(3, 7)
    w = module.state_dict()
    first = pooled_BD @ w["pool_caption_projection.linear_1.weight"].T + w["pool_caption_projection.linear_1.bias"]
    expected = F.gelu(first, approximate="tanh") @ w["pool_caption_projection.linear_2.weight"].T
    found = module(torch.randn(3, 6, 12), None, pooled_BD)
    torch.testing.assert_close(found.pooled_BP, expected + w["pool_caption_projection.linear_2.bias"])
    with pytest.raises(DoesNotFit, match="`pool: text`"):
        module(torch.randn(3, 6, 12))


def test_pixarts_projection_is_that_of_diffusers_and_hands_the_mask_on() -> None:
    from diffusers.models.embeddings import PixArtAlphaTextProjection

    theirs = PixArtAlphaTextProjection(in_features=12, hidden_size=8)
    module = build("caption-projection", {"in_width": 12, "out_width": 8})
    module.load_state_dict(theirs.state_dict())
    tokens_BLE, mask_BL = torch.randn(2, 5, 12), torch.ones(2, 5, dtype=torch.bool)
    found = module(tokens_BLE, mask_BL)
    torch.testing.assert_close(found.tokens_BLC, theirs(tokens_BLE))
    assert found.mask_BL is mask_BL
    with torch.device("meta"):
        real = build("caption-projection", {"in_width": 4096, "out_width": 1152})
    assert sum(parameter.numel() for parameter in real.parameters()) == 6_048_000
