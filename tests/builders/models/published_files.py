"""Build files with exactly the published keys and shapes, small where the format leaves sizes open."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Published:
    """A published layout."""

    name: str
    format: str
    shapes: Shapes
    container: str = "torch"
    left: Shapes = field(default_factory=dict)
    """Tensors that an import skips."""
    base: str = ""
    dtype: torch.dtype = torch.float32
    with_encoder: bool = False


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def attention(name: str, d: int) -> Shapes:
    return {f"{name}.in_proj_weight": (3 * d, d), f"{name}.in_proj_bias": (3 * d,), **linear(f"{name}.out_proj", d, d)}


def torch_layer(name: str, d: int, hidden: int) -> Shapes:
    return {
        **attention(f"{name}.self_attn", d), **linear(f"{name}.linear1", hidden, d), **linear(f"{name}.linear2", d, hidden),
        **norm(f"{name}.norm1", d), **norm(f"{name}.norm2", d),
    }  # fmt: skip


def mulan(d: int, into: int = 24, queries: int = 120, prefix: str = "") -> Shapes:
    """Return the keys and shapes of `LanguageAdapter`."""
    encoder, decoder = f"{prefix}transformer.encoder", f"{prefix}transformer.decoder"
    return {
        **linear(f"{prefix}proj.0", d, into), **linear(f"{prefix}proj.2", d, d), f"{prefix}queries": (1, queries, d),
        **torch_layer(f"{encoder}.layers.0", d, 4 * d), **norm(f"{encoder}.norm", d),
        **torch_layer(f"{decoder}.layers.0", d, 4 * d), **attention(f"{decoder}.layers.0.multihead_attn", d),
        **norm(f"{decoder}.layers.0.norm3", d), **norm(f"{decoder}.norm", d),
    }  # fmt: skip


def mulan_xl(
    *, attends: bool, embeds: bool, first: int = 16, second: int = 8, out: int = 20, queries: int = 6
) -> Shapes:
    shapes = mulan(first, queries=queries, prefix="adapter1.") | mulan(second, queries=queries, prefix="adapter2.")
    head, both = "pool_caption_projection", first + second
    if attends:
        shapes[f"{head}.positional_embedding"] = (queries + 1, both)
        for each in "qkv":
            shapes |= linear(f"{head}.{each}_proj", both, both)
        shapes |= linear(f"{head}.c_proj", out, both)
    else:
        shapes |= linear(f"{head}.linear_1", out, 7) | linear(f"{head}.linear_2", out, out)
    if embeds:
        shapes |= linear("add_embedding.linear_1", out, 28) | linear("add_embedding.linear_2", out, out)
    return shapes


def pea(into: int, hidden: int, out: int, linears: int, behind: int | None = None) -> Shapes:
    widths = [into, *[hidden] * (linears - 1), out]
    shapes = norm("layernorm", into)
    shapes |= {f"projector.{2 * place}.weight": (widths[place + 1], widths[place]) for place in range(linears)}
    return shapes | (linear("fc", behind, out) if behind else {})


def pea_transformer(d: int = 16, hidden: int = 8, *, layers: int = 2, prototype: bool = False) -> Shapes:
    shapes = linear("linear1", 6, d) | linear("linear2", d, d)
    for layer in range(layers):
        shapes |= torch_layer(f"transformer_encoder.layers.{layer}", d, hidden)
    return shapes | (torch_layer("encoder_layer", d, hidden) if prototype else {})


def x2i(states: int = 3, into: int = 8, out: int = 16, pooled: int = 6, *, kernel: int | None = 5) -> Shapes:
    """Return the keys and shapes of `Proj7Exp` without its T5."""
    merge: Shapes = {"cha_scale": (1, states, 1, 1)} if kernel is None else {
        "conv.weight": (1, states, kernel, kernel), "conv.bias": (1,)
    }  # fmt: skip
    inner: Shapes = {"mlp.projector.0.weight": (out, into), "mlp.projector.2.weight": (out, out)}
    return merge | norm("mlp.layernorm", into) | inner | linear("mlp.fc.1", pooled, out)


def gluegen(into: int = 10, out: int = 6, blocks: int = 5, tokens: int = 77) -> Shapes:
    shapes: Shapes = {}
    for block in range(blocks):
        for part, width in (("net_tok", tokens), ("net_sen", into)):
            for place, (o, i) in enumerate([(2 * width, width), (2 * width, 2 * width), (width, 2 * width)]):
                shapes |= linear(f"blocks.{block}.{part}.{3 * place}", o, i)
                shapes |= norm(f"blocks.{block}.{part}.{3 * place + 1}", o)
    for part, first, last in (("net_tok", tokens, tokens), ("net_sen", into, out)):
        for place, (o, i) in enumerate([(2 * first, first), (2 * first, 2 * first), (last, 2 * first)]):
            shapes |= linear(f"tail.{part}.{2 * place}", o, i)
    return shapes


def ella(into: int = 10, d: int = 16, queries: int = 4, layers: int = 2, time: int = 12, channels: int = 20) -> Shapes:
    shapes = linear("time_embedding.linear_1", time, channels) | linear("time_embedding.linear_2", time, time)
    shapes |= {"connector.latents": (queries, d)} | linear("connector.time_aware_linear", d, time)
    shapes |= linear("connector.proj_in", d, into)
    for layer in range(layers):
        block = f"connector.perceiver_blocks.{layer}"
        shapes |= (
            attention(f"{block}.attn", d)
            | linear(f"{block}.mlp.c_fc", 4 * d, d)
            | linear(f"{block}.mlp.c_proj", d, 4 * d)
        )
        for each in ("ln_1", "ln_2", "ln_ff"):
            shapes |= linear(f"{block}.{each}.linear", 2 * d, time)
    return shapes


def roberta(prefix: str, d: int = 12, layers: int = 3, *, segments: int = 1, buffers: bool = False) -> Shapes:
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (11, d), "embeddings.position_embeddings.weight": (40, d),
        "embeddings.token_type_embeddings.weight": (segments, d), **norm("embeddings.LayerNorm", d),
    }  # fmt: skip
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        for each in ("query", "key", "value"):
            shapes |= linear(f"{name}.attention.self.{each}", d, d)
        shapes |= linear(f"{name}.attention.output.dense", d, d) | norm(f"{name}.attention.output.LayerNorm", d)
        shapes |= linear(f"{name}.intermediate.dense", 4 * d, d) | linear(f"{name}.output.dense", d, 4 * d)
        shapes |= norm(f"{name}.output.LayerNorm", d)
    if buffers:
        shapes |= linear("pooler.dense", d, d) | {"embeddings.position_ids": (1, 40)}
    return {prefix + key: shape for key, shape in shapes.items()}


def fairseq_layer(name: str, d: int, hidden: int) -> Shapes:
    shapes = linear(f"{name}.fc1", hidden, d) | linear(f"{name}.fc2", d, hidden)
    for each in "kvq":
        shapes |= linear(f"{name}.self_attn.{each}_proj", d, d)
    shapes |= linear(f"{name}.self_attn.out_proj", d, d)
    return shapes | norm(f"{name}.self_attn_layer_norm", d) | norm(f"{name}.final_layer_norm", d)


def mclip(d: int = 12, feature: int = 8, images: str = "dim_proj", texts: str = "encoder_adapter") -> Shapes:
    shapes: Shapes = {"model.encoder.version": (1,), f"model.encoder.{images}.weight": (d, feature)}
    for layer in range(2):
        shapes |= fairseq_layer(f"model.encoder.{texts}.{layer}", d, 4 * d)
    return shapes | {"criterion.it_logit_scale": (1,)}


def xlmr_tower(d: int = 12, layers: int = 2) -> Shapes:
    name = "model.encoder.xlmr.model.encoder.sentence_encoder"
    shapes: Shapes = {f"{name}.embed_tokens.weight": (11, d), f"{name}.embed_positions.weight": (40, d)}
    shapes |= norm(f"{name}.layernorm_embedding", d)
    for layer in range(layers):
        shapes |= fairseq_layer(f"{name}.layers.{layer}", d, 4 * d)
    return shapes


LM_HEAD = {"model.encoder.xlmr.model.encoder.lm_head.weight": (11, 12)}
CLIP = {"model.encoder.clip.visual.proj": (8, 8), "model.encoder.clip.logit_scale": ()}
ALTCLIP_IMAGES = {"vision_model.pre_layrnorm.weight": (8,), "visual_projection.weight": (6, 8), "text_projection.weight": (6, 6),
                    "logit_scale": ()}  # fmt: skip
HEAD_9 = linear("transformation", 6, 12)
HEAD_18 = linear("transformation", 12, 12) | linear("transformation_pre", 12, 12) | norm("pre_LN", 12)
HEAD_ALT = linear("text_model.transformation", 6, 12) | norm("text_model.pre_LN", 12)
PUBLISHED = (
    Published("mulan sd15", "mulan", mulan(768, 16), dtype=torch.float16),
    Published("mulan sd21", "mulan", mulan(1024, 16), dtype=torch.float16),
    Published("mulan direct", "mulan", mulan(16, queries=77), base="linguahub/sd15"),
    *(Published(f"mulan sdxl attends={attends} embeds={embeds}", "mulan-xl", mulan_xl(attends=attends, embeds=embeds))
      for attends in (False, True) for embeds in (False, True)),
    Published("mulan pixart", "mulan-pixart", linear("linear_1", 18, 30) | linear("linear_2", 18, 18)),
    Published("pea sdxl", "pea", pea(1024, 768, 1280, 3, 2048), dtype=torch.float16),
    Published("pea sdxl pg", "pea", pea(1024, 2048, 1280, 4, 2048), dtype=torch.float16),
    Published("pea sd15 five linears", "pea", pea(16, 3072 // 64, 768, 5)),
    Published("pea flux", "pea", pea(4672, 64, 4096, 3, 768), dtype=torch.bfloat16),
    Published("pea sd3", "pea", pea(2048, 64, 2048, 4, 4096), dtype=torch.bfloat16),
    Published("pea sd3 t5", "pea-transformer", pea_transformer(), dtype=torch.bfloat16),
    Published("pea sd3 t5 with prototype", "pea-transformer", pea_transformer(layers=1, prototype=True)),
    Published("x2i qwen", "x2i", x2i(), base="linguahub/flux1-schnell", dtype=torch.bfloat16),
    Published("x2i internvl 1b", "x2i", x2i(25, 896, kernel=None), base="linguahub/flux1-schnell", dtype=torch.bfloat16),
    Published("gluegen", "gluegen", gluegen()),
    Published("ella", "ella", ella(), container="safetensors"),
    Published("mclip", "mclip", mclip(), container="fairseq", left=xlmr_tower() | LM_HEAD | CLIP),
    Published("mclip, the other names", "mclip-new-names", mclip(images="c_projector", texts="x_projector"), container="fairseq",
              left=xlmr_tower() | LM_HEAD | CLIP),
    Published("mclip with its encoder", "mclip-with-encoder", mclip() | xlmr_tower(), container="fairseq", left=LM_HEAD | CLIP,
              with_encoder=True),
    Published("m-clip xlm-r", "m-clip", roberta("transformer.", buffers=True) | linear("LinearTransformation", 768, 12)),
    Published("m-clip labse", "m-clip", roberta("transformer.", segments=2) | linear("LinearTransformation", 768, 12)),
    Published("altdiffusion m9", "altdiffusion", roberta("roberta.", buffers=True) | HEAD_9),
    Published("altdiffusion m18", "altdiffusion-m18", roberta("roberta.", buffers=True) | HEAD_18),
    Published("altclip", "altclip", roberta("text_model.roberta.", buffers=True) | HEAD_ALT, left=ALTCLIP_IMAGES),
)  # fmt: skip


def random(shapes: Shapes, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return tensors with small values, so that nothing saturates; position ids count from 0."""
    generator = torch.Generator().manual_seed(0)
    return {
        key: torch.arange(shape[1])[None]
        if key.endswith("position_ids")
        else (torch.randn(shape, generator=generator) / max(1, shape[-1] if shape else 1) ** 0.5).to(dtype)
        for key, shape in shapes.items()
    }


def write(published: Published, folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """Write a file with an uninformative name; return it with the tensors that an import takes."""
    folder.mkdir(parents=True, exist_ok=True)
    path, taken = folder / "file", random(published.shapes, published.dtype)
    everything = taken | random(published.left, published.dtype)
    if published.container == "safetensors":
        save_file(everything, path)
    elif published.container == "fairseq":
        sections: dict[str, object] = {"args": argparse.Namespace(arch="multimodal_encoder", lr=[0.01]), "cfg": None}
        for key, value in everything.items():
            section, _, rest = key.partition(".")
            sections.setdefault(section, {})[rest] = value
        sections["last_optimizer_state"] = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.01}]}
        torch.save(sections, path)
    else:
        torch.save(everything, path)
    return path, taken


def write_tokenizer(folder: Path) -> Path:
    """Write a tokenizer of eleven words that pads with the second."""
    folder.mkdir(parents=True, exist_ok=True)
    words = {word: place for place, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"abcdefg"])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
    return folder


Write = Callable[[Published], tuple[Path, dict[str, Tensor]]]
