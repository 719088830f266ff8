"""Outputs of imported files, compared with straightforward computations from their own keys."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.convert import convert
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.modules.module_config import ModuleConfig, read_config
from hub.systems.architectures import build
from hub.weights.strict import load_weights
from tests.builders.models.published_files import (
    HEAD_9,
    HEAD_18,
    HEAD_ALT,
    Published,
    ella,
    gluegen,
    linear,
    mclip,
    mulan,
    mulan_xl,
    pea,
    pea_transformer,
    roberta,
    write,
    write_tokenizer,
    xlmr_tower,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-4}
"""float32 sums in another order."""
Weights = dict[str, Tensor]


def loaded(shapes: dict[str, tuple[int, ...]], folder: Path, **changes: Any) -> tuple[Any, ModuleConfig, Weights]:
    """The module of an imported file, its configuration, and the file's tensors."""
    source, weights = write(Published("", "", shapes, **changes), folder / "from")
    convert(
        source, folder / "variant", what="a file", base="linguahub/sd15", encoder="org/encoder",
        with_encoder=changes.get("with_encoder", False), tokenizer=write_tokenizer(folder / "tokenizer"),
    )  # fmt: skip
    config = read_config(folder / "variant")
    with torch.device("meta"):
        module = build(config.variant.architecture, config.module)
    load_weights(module, folder / "variant" / "model.safetensors", what="a file")
    return module.eval(), config, weights


def apply(w: Weights, name: str, x: Tensor) -> Tensor:
    bias = w.get(f"{name}.bias")
    return x @ w[f"{name}.weight"].T + (0 if bias is None else bias)


def layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, hidden: Tensor | None = None) -> Tensor:
    """Head by head; `hidden` (B, L) is true for masked positions."""
    answers, part = [], q.shape[-1] // heads
    for head in range(heads):
        here = slice(head * part, (head + 1) * part)
        scores = q[..., here] @ k[..., here].mT / math.sqrt(part)
        if hidden is not None:
            scores = scores.masked_fill(hidden[:, None], -math.inf)
        answers.append(scores.softmax(-1) @ v[..., here])
    return torch.cat(answers, -1)


def torch_attention(w: Weights, name: str, q: Tensor, kv: Tensor, heads: int, hidden: Tensor | None = None) -> Tensor:
    d = q.shape[-1]
    weight, bias = w[f"{name}.in_proj_weight"].split(d), w[f"{name}.in_proj_bias"].split(d)
    parts = [x @ weight[place].T + bias[place] for place, x in enumerate((q, kv, kv))]
    return apply(w, f"{name}.out_proj", attend(*parts, heads, hidden))


def test_mulan_drops_the_prefixs_tokens_for_prompts_and_not_for_negatives(tmp_path):
    _, config, _ = loaded(mulan(16), tmp_path)
    positive, negative = config.positive, config.negative
    assert (positive.prefix, positive.length, positive.drop, positive.kept) == ("summarize:", 80, (1, 2, 3), 77)
    assert (negative.prefix, negative.length, negative.drop) == ("", 77, ())
    assert config.empty == "encode"

    class Counts:
        def __call__(self, texts: list[str], length: int) -> tuple[Tensor, Tensor]:
            assert texts == ["summarize:a red heart"]
            return torch.arange(length)[None], torch.ones(1, length, dtype=torch.long)

    class Echo(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, input_ids: Tensor, attention_mask: Tensor, output_hidden_states: bool) -> Any:
            class Answer:
                last_hidden_state = input_ids[..., None].float()

            return Answer()

    states, _ = TextEncoder(Echo(), Counts()).encode(
        ["a red heart"], positive.length, prefix=positive.prefix, drop=positive.drop
    )
    assert states[0, :, 0].tolist() == [0, *range(4, 80)], "the first token stays, the prefix's three go"


@pytest.mark.parametrize("attends", [True, False])
@pytest.mark.parametrize("embeds", [True, False])
def test_mulan_sdxl_has_the_pooled_head_that_its_keys_tell_and_the_published_flags(attends, embeds, tmp_path):
    module, config, w = loaded(mulan_xl(attends=attends, embeds=embeds), tmp_path)
    assert (config.positive.prefix, config.positive.drop, config.positive.kept) == ("summarize:", (1, 2, 3), 80)
    assert (config.negative.prefix, config.negative.drop, config.negative.kept) == ("summarize:", (1, 2, 3), 80)
    assert (config.positive.pooled, config.negative.pooled, config.empty) == ("encode", "zeros", "encode")
    assert (module.add_embedding is not None) is embeds
    tokens, pooled = torch.randn(2, 5, 24), torch.randn(2, 7)
    found = module(tokens, None, pooled)
    head = "pool_caption_projection"
    if attends:
        mean = torch.cat([found.tokens_BLC.mean(1, keepdim=True), found.tokens_BLC], 1)
        x = mean + w[f"{head}.positional_embedding"]
        q, k, v = (apply(w, f"{head}.{each}_proj", x) for each in "qkv")
        expected = apply(w, f"{head}.c_proj", attend(q[:, :1], k, v, 8))[:, 0]
    else:
        expected = apply(w, f"{head}.linear_2", F.gelu(apply(w, f"{head}.linear_1", pooled), approximate="tanh"))
    torch.testing.assert_close(found.pooled_BP, expected, **CLOSE)


@pytest.mark.parametrize(
    ("into", "hidden", "out", "linears", "behind", "pooled_from"),
    [
        (10, 9, 12, 3, 16, "projector"),
        (10, 24, 12, 4, 16, "projector"),
        (10, 9, 8, 5, None, ""),
        (11, 9, 16, 3, 6, "fc"),
    ],
    ids=["sdxl", "sdxl pg, sd3", "sd15", "flux"],
)
def test_pea_has_the_depth_and_widths_of_its_shapes(into, hidden, out, linears, behind, pooled_from, tmp_path):
    module, config, w = loaded(pea(into, hidden, out, linears, behind), tmp_path)
    assert (config.module["linears"], config.module["hidden_width"]) == (linears, hidden)
    x = torch.randn(2, 7, into)
    p = layer_norm(w, "layernorm", x)
    for place in range(linears):
        p = apply(w, f"projector.{2 * place}", F.gelu(p) if place else p)
    found = module(x, torch.tensor([[1] * 7, [1] * 2 + [0] * 5]))
    if behind is None:
        expected, pooled = p, None
    elif pooled_from == "projector":
        expected, pooled = apply(w, "fc", F.gelu(p)), p.mean(1)
    else:
        expected, pooled = F.gelu(p), apply(w, "fc", F.gelu(p)).mean(1)
    torch.testing.assert_close(found.tokens_BLC, expected, **CLOSE)
    if pooled is None:
        assert found.pooled_BP is None
    else:
        torch.testing.assert_close(found.pooled_BP, pooled, **CLOSE)
    assert config.variant.conditioning.width == expected.shape[-1]
    assert config.variant.conditioning.pooled_width == (None if pooled is None else pooled.shape[-1])


@pytest.mark.parametrize(("into", "out", "behind", "base"), [
    (1024, 1280, 2048, "sdxl"), (1024, 768, None, "sd15"), (4672, 4096, 768, "flux1-schnell"), (2048, 2048, 4096, "sd3-medium"),
])  # fmt: skip
def test_what_a_projector_fits_is_read_from_its_widths(into, out, behind, base, tmp_path):
    source, _ = write(Published("", "", pea(into, 4, out, 3, behind)), tmp_path)
    assert convert(source, tmp_path / "variant", what="a file").base == f"linguahub/{base}"


@pytest.mark.parametrize("prototype", [False, True])
def test_the_transformer_for_sd3_is_post_norm_and_its_wider_head_gives_the_tokens(prototype, tmp_path):
    module, _, w = loaded(pea_transformer(prototype=prototype), tmp_path)
    x = start = torch.randn(2, 5, 16)
    for layer in range(2):
        name = f"transformer_encoder.layers.{layer}"
        x = layer_norm(w, f"{name}.norm1", x + torch_attention(w, f"{name}.self_attn", x, x, 8))
        x = layer_norm(w, f"{name}.norm2", x + apply(w, f"{name}.linear2", F.relu(apply(w, f"{name}.linear1", x))))
    found = module(start)
    torch.testing.assert_close(found.tokens_BLC, apply(w, "linear2", x), **CLOSE)
    torch.testing.assert_close(found.pooled_BP, apply(w, "linear1", x).mean(1), **CLOSE)


def test_gluegen_takes_a_third_mixes_and_scales_by_half_of_the_fixed_norms(tmp_path):
    module, config, w = loaded(gluegen(), tmp_path)
    assert (config.positive.length, config.variant.conditioning.length) == (77, 77)
    states = torch.randn(2, 77, 10)

    def mlp(name: str, x: Tensor, *, norms: bool) -> Tensor:
        for place in range(3):
            index = (3 if norms else 2) * place
            x = apply(w, f"{name}.{index}", F.gelu(x) if place else x)
            x = layer_norm(w, f"{name}.{index + 1}", x) if norms else x
        return x

    x = states / 3
    for block in range(5):
        y = x + mlp(f"blocks.{block}.net_sen", x, norms=True)
        y = (y.mT + mlp(f"blocks.{block}.net_tok", y.mT, norms=True)).mT
        x = F.gelu(y + x)
    x = mlp("tail.net_tok", mlp("tail.net_sen", x, norms=False).mT, norms=False).mT
    found = module(states).tokens_BLC
    for place, norm in ((0, 43.8203), (1, 28.3668), (40, 28.2818), (76, 28.3191)):
        # Fifteen LayerNorms amplify rounding, and the norms do; a wrong one of the 77 differs by a thousandth.
        torch.testing.assert_close(found[:, place] / (norm / 2), x[:, place], atol=1e-4, rtol=1e-4)


def ella_by_formula(w: Weights, states: Tensor, timestep: float, hidden: Tensor | None = None) -> Tensor:
    half = 10
    angles = timestep * torch.exp(-math.log(10000) * torch.arange(half) / half)
    time = torch.cat([angles.cos(), angles.sin()])
    time = apply(w, "time_embedding.linear_2", F.silu(apply(w, "time_embedding.linear_1", time)))

    def adaptive(name: str, x: Tensor) -> Tensor:
        shift, scale = apply(w, f"{name}.linear", F.silu(time)).chunk(2)
        return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift

    x = (w["connector.latents"] + apply(w, "connector.time_aware_linear", F.silu(time))).expand(len(states), -1, -1)
    states = apply(w, "connector.proj_in", states)
    if hidden is not None:
        hidden = torch.cat([torch.zeros(len(states), x.shape[1], dtype=torch.bool), hidden], 1)
    for layer in range(2):
        name = f"connector.perceiver_blocks.{layer}"
        asking = adaptive(f"{name}.ln_1", x)
        read = torch.cat([asking, adaptive(f"{name}.ln_2", states)], 1)
        x = x + torch_attention(w, f"{name}.attn", asking, read, 8, hidden)
        x = x + apply(w, f"{name}.mlp.c_proj", F.relu(apply(w, f"{name}.mlp.c_fc", adaptive(f"{name}.ln_ff", x))) ** 2)
    return x


def test_ella_reads_the_timestep(tmp_path):
    module, config, w = loaded(ella(), tmp_path, container="safetensors")
    assert module.per_step is True
    assert config.positive.length == 128
    states = torch.randn(2, 6, 10)
    for timestep in (999.0, 501.0, 1.0):
        torch.testing.assert_close(
            module(states, None, torch.tensor(timestep)).tokens_BLC, ella_by_formula(w, states, timestep), **CLOSE
        )
    apart = module(states, None, 999).tokens_BLC - module(states, None, 1).tokens_BLC
    assert apart.abs().max() > 0.01
    each_its_own = module(states, None, torch.tensor([999.0, 1.0])).tokens_BLC
    torch.testing.assert_close(each_its_own[1], ella_by_formula(w, states, 1.0)[1], **CLOSE)
    with pytest.raises(DoesNotFit, match="reads the timestep"):
        module(states)


def test_ella_hides_pads_which_is_its_flexible_length(tmp_path):
    module, _, w = loaded(ella(), tmp_path, container="safetensors")
    states, mask = torch.randn(1, 6, 10), torch.tensor([[True] * 4 + [False] * 2])
    found = module(states, mask, 500).tokens_BLC
    torch.testing.assert_close(found, ella_by_formula(w, states[:, :4], 500.0), **CLOSE)
    torch.testing.assert_close(found, ella_by_formula(w, states, 500.0, ~mask), **CLOSE)


def test_mclip_reads_the_last_position_of_left_padded_texts(tmp_path):
    module, _, w = loaded(mclip(), tmp_path, container="fairseq")
    states, pads = torch.randn(2, 5, 12), torch.tensor([[True, True, False, False, False], [False] * 5])
    x = states
    for layer in range(2):
        name = f"model.encoder.encoder_adapter.{layer}"
        q, k, v = (apply(w, f"{name}.self_attn.{each}_proj", x) for each in "qkv")
        x = layer_norm(
            w, f"{name}.self_attn_layer_norm", x + apply(w, f"{name}.self_attn.out_proj", attend(q, k, v, 1, pads))
        )
        x = layer_norm(w, f"{name}.final_layer_norm", x + apply(w, f"{name}.fc2", F.gelu(apply(w, f"{name}.fc1", x))))
    torch.testing.assert_close(module.texts(states, ~pads), x[:, -1], **CLOSE)
    right = torch.cat([states[:1, 2:], states[:1, :2]], 1)  # the same text, padded on the right
    torch.testing.assert_close(module.texts(right, ~pads[:1].flip(1)), x[:1, -1], **CLOSE)
    images = torch.randn(3, 8)
    torch.testing.assert_close(module.features(images), images @ w["model.encoder.dim_proj.weight"].T)
    torch.testing.assert_close(module.it_logit_scale, w["criterion.it_logit_scale"])


def encoded(folder: Path, config: ModuleConfig, text: str = "a b c", length: int = 6) -> tuple[Tensor, Tensor]:
    return TextEncoder.from_folder(folder / "variant" / "encoder", readout=config.readout).encode([text], length)


def roberta_by_formula(
    w: Weights, ids: list[int], *, layers: int, heads: int = 1, first_position: int = 2
) -> list[Tensor]:
    """States after the embeddings and after each layer, (1, L, E), of a text without pads, from transformers' keys."""
    places = torch.arange(first_position, first_position + len(ids))
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][places]
    x = layer_norm(w, "embeddings.LayerNorm", (x + w["embeddings.token_type_embeddings.weight"][0])[None])
    states = [x]
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        q, k, v = (apply(w, f"{name}.attention.self.{each}", x) for each in ("query", "key", "value"))
        x = layer_norm(
            w,
            f"{name}.attention.output.LayerNorm",
            x + apply(w, f"{name}.attention.output.dense", attend(q, k, v, heads)),
        )
        fed = apply(w, f"{name}.output.dense", F.gelu(apply(w, f"{name}.intermediate.dense", x)))
        x = layer_norm(w, f"{name}.output.LayerNorm", x + fed)
        states.append(x)
    return states


def behind(prefix: str, w: Weights) -> Weights:
    return {key.removeprefix(prefix): value for key, value in w.items() if key.startswith(prefix)}


@pytest.mark.parametrize("which", ["m9", "m18", "altclip"])
def test_alt_has_three_read_outs(which, tmp_path):
    prefix = "text_model." if which == "altclip" else ""
    head = {"m9": HEAD_9, "m18": HEAD_18, "altclip": HEAD_ALT}[which]
    module, config, w = loaded(roberta(f"{prefix}roberta.", buffers=True) | head, tmp_path)
    states = roberta_by_formula(behind(f"{prefix}roberta.", w), [4, 5, 6], layers=3)
    tokens, mask = encoded(tmp_path, config, length=3)
    found = module(tokens, mask).tokens_BLC
    ways = {
        "m9": apply(w, "transformation", states[-1]) if which == "m9" else None,
        "m18": apply(w, "transformation_pre", layer_norm(w, "pre_LN", states[-2])) if which == "m18" else None,
        "altclip": apply(behind(prefix, w), "transformation", layer_norm(behind(prefix, w), "pre_LN", states[-1]))
        if which == "altclip"
        else None,
    }
    torch.testing.assert_close(found, ways[which], **CLOSE)
    wrong = states[-1] if which == "m18" else states[-2]
    assert (tokens - wrong).abs().max() > 0.01, "the readouts of layers differ"


@pytest.mark.parametrize("segments", [1, 2], ids=["XLM-R", "LaBSE"])
def test_m_clip_averages_the_tokens_that_count(segments, tmp_path):
    module, config, w = loaded(
        roberta("transformer.", segments=segments) | linear("LinearTransformation", 8, 12), tmp_path
    )
    tower = behind("transformer.", w)
    first = 2 if segments == 1 else 0
    states = roberta_by_formula(tower, [4, 5, 6], layers=3, first_position=first)[-1]
    expected = apply(w, "LinearTransformation", states.mean(1))
    tokens, mask = encoded(tmp_path, config)  # padded to six
    assert mask.tolist() == [[True] * 3 + [False] * 3]
    tolerance = (
        CLOSE if segments == 1 else {"atol": 1e-4, "rtol": 1e-3}
    )  # BERT's LayerNorms add 1e-12 to the variance, not 1e-5
    torch.testing.assert_close(module.texts(tokens, mask), expected, **tolerance)
    torch.testing.assert_close(module(tokens, mask).tokens_BLC[:, 0], F.normalize(expected, dim=1), **tolerance)


def test_the_xlm_r_in_mclips_file_computes_what_fairseqs_does(tmp_path):
    _, config, w = loaded(mclip() | xlmr_tower(), tmp_path, container="fairseq", with_encoder=True)
    tower = behind("model.encoder.xlmr.model.encoder.sentence_encoder.", w)
    x = tower["embed_tokens.weight"][[4, 5, 6]] + tower["embed_positions.weight"][[2, 3, 4]]
    x = layer_norm(tower, "layernorm_embedding", x[None])
    for layer in range(2):
        name = f"layers.{layer}"
        q, k, v = (apply(tower, f"{name}.self_attn.{each}_proj", x) for each in "qkv")
        x = layer_norm(
            tower, f"{name}.self_attn_layer_norm", x + apply(tower, f"{name}.self_attn.out_proj", attend(q, k, v, 1))
        )
        x = layer_norm(
            tower, f"{name}.final_layer_norm", x + apply(tower, f"{name}.fc2", F.gelu(apply(tower, f"{name}.fc1", x)))
        )
    tokens, _ = encoded(tmp_path, config, length=3)
    torch.testing.assert_close(tokens, x, **CLOSE)
    assert json.loads((tmp_path / "variant" / "config.json").read_text())["encoder"]["folder"] == "encoder"


def test_pixarts_prompts_keep_80_states_and_a_mask(tmp_path):
    module, config, w = loaded(linear("linear_1", 18, 30) | linear("linear_2", 18, 18), tmp_path)
    assert (config.positive.length, config.positive.kept, config.negative.length) == (83, 80, 80)
    assert (config.positive.prefix, config.negative.prefix) == ("summarize:", "")
    assert config.variant.conditioning.mask
    x, mask = torch.randn(2, 4, 30), torch.ones(2, 4, dtype=torch.bool)
    found = module(x, mask)
    expected = apply(w, "linear_2", F.gelu(apply(w, "linear_1", x), approximate="tanh"))
    torch.testing.assert_close(found.tokens_BLC, expected, **CLOSE)
    assert found.mask_BL is mask
