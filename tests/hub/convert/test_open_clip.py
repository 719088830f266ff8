"""Repositories in open_clip's layout: `hub pull` writes them in transformers' once; then they are read and retrieve as any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from transformers import XLMRobertaConfig, XLMRobertaModel

from hub import load_retriever
from hub.convert.open_clip import translate
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidSource
from hub.loader import load_pipeline
from tests.builders.models.dual_encoders import some_images
from tests.builders.models.tiny import ENCODER_WIDTH, clip_tokenizer
from tests.builders.upstream.cache import seed, write
from tests.builders.upstream.pickles import TEXTS, World

TEXT, IMAGE, JOINT, PATCH, SIDE, LAYERS, WINDOW = 128, 192, 20, 8, 16, 2, 16
"""Widths of the towers (two and three heads of 64), of the features, pixels of a patch and of an image, tokens of a text."""
MEAN, DEVIATION = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
Weights = dict[str, Tensor]


def blocks(tower: str, width: int) -> Weights:
    found: Weights = {}
    for layer in range(LAYERS):
        name = f"{tower}.resblocks.{layer}"
        found |= {f"{name}.ln_{n}.weight": 1 + torch.randn(width) / 10 for n in (1, 2)}
        found |= {f"{name}.ln_{n}.bias": torch.randn(width) / 10 for n in (1, 2)}
        for part, rows, columns in (
            ("attn.in_proj_", 3 * width, width), ("attn.out_proj.", width, width), ("mlp.c_fc.", 4 * width, width),
            ("mlp.c_proj.", width, 4 * width),
        ):  # fmt: skip
            found[f"{name}.{part}weight"] = torch.randn(rows, columns) / columns**0.5
            found[f"{name}.{part}bias"] = torch.randn(rows) / 10
    return found


def clip_weights(vocabulary: int) -> Weights:
    """The keys of open_clip's `CLIP`."""
    torch.manual_seed(6)
    places = (SIDE // PATCH) ** 2 + 1
    return {
        **blocks("transformer", TEXT), **blocks("visual.transformer", IMAGE),
        "token_embedding.weight": torch.randn(vocabulary, TEXT) / 8, "positional_embedding": torch.randn(WINDOW, TEXT) / 8,
        "ln_final.weight": 1 + torch.randn(TEXT) / 10, "ln_final.bias": torch.randn(TEXT) / 10,
        "text_projection": torch.randn(TEXT, JOINT) / TEXT**0.5, "visual.proj": torch.randn(IMAGE, JOINT) / IMAGE**0.5,
        "visual.class_embedding": torch.randn(IMAGE) / 8, "visual.positional_embedding": torch.randn(places, IMAGE) / 8,
        "visual.conv1.weight": torch.randn(IMAGE, 3, PATCH, PATCH) / 14, "logit_scale": torch.tensor(2.7),
        **{f"visual.ln_{each}.{leaf}": torch.randn(IMAGE) / 10 + (leaf == "weight") for each in ("pre", "post") for leaf in ("weight", "bias")},
    }  # fmt: skip


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def through(w: Weights, tower: str, x_BLD: Tensor, *, quick: bool, causal: bool) -> Tensor:
    """The blocks, as they are written down in the papers: norms first, heads of 64 channels."""
    for layer in range(LAYERS):
        name = f"{tower}.resblocks.{layer}"
        given = norm(w, f"{name}.ln_1", x_BLD) @ w[f"{name}.attn.in_proj_weight"].T + w[f"{name}.attn.in_proj_bias"]
        q, k, v = (part.unflatten(-1, (-1, 64)).transpose(1, 2) for part in given.chunk(3, dim=-1))
        scores = q @ k.mT / 8
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
        seen = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x_BLD = x_BLD + seen @ w[f"{name}.attn.out_proj.weight"].T + w[f"{name}.attn.out_proj.bias"]
        inner = norm(w, f"{name}.ln_2", x_BLD) @ w[f"{name}.mlp.c_fc.weight"].T + w[f"{name}.mlp.c_fc.bias"]
        inner = inner * torch.sigmoid(1.702 * inner) if quick else F.gelu(inner)
        x_BLD = x_BLD + inner @ w[f"{name}.mlp.c_proj.weight"].T + w[f"{name}.mlp.c_proj.bias"]
    return x_BLD


def text_features(w: Weights, ids_NL: Tensor, *, quick: bool) -> Tensor:
    x = w["token_embedding.weight"][ids_NL] + w["positional_embedding"][: ids_NL.shape[1]]
    x = norm(w, "ln_final", through(w, "transformer", x, quick=quick, causal=True))
    ends = (ids_NL == w["token_embedding.weight"].shape[0] - 1).int().argmax(dim=1)
    return x[torch.arange(len(x)), ends] @ w["text_projection"]


def image_features(w: Weights, images: Tensor, *, quick: bool) -> Tensor:
    pixels = (images / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    patches = F.conv2d(pixels, w["visual.conv1.weight"], stride=PATCH).flatten(2).mT
    first = w["visual.class_embedding"].expand(len(patches), 1, -1)
    x = norm(w, "visual.ln_pre", torch.cat([first, patches], dim=1) + w["visual.positional_embedding"])
    x = through(w, "visual.transformer", x, quick=quick, causal=False)
    return norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"]


@pytest.fixture
def clip(world: World, tmp_path: Path) -> Callable[..., Weights]:
    """Puts an open_clip repository into the cache, as timm's are; its weights."""

    def put(*, quick: bool, pickled: bool, behind: str = "") -> Weights:
        folder = tmp_path / "clip"
        tokenizer = clip_tokenizer()
        tokenizer.save_pretrained(folder)
        weights = clip_weights(len(tokenizer))
        settings = {
            "model_cfg": {"embed_dim": JOINT, "vision_cfg": {"patch_size": PATCH, "image_size": SIDE, "width": IMAGE},
                          "text_cfg": {"context_length": WINDOW}, **({"quick_gelu": True} if quick else {})},
            "preprocess_cfg": {"mean": MEAN, "std": DEVIATION},
        }  # fmt: skip
        (folder / "open_clip_config.json").write_text(json.dumps(settings))
        (folder / "config.json").write_text(json.dumps({"architecture": "vit_tiny_clip"}))  # timm's own
        text = ("transformer.", "token_embedding", "positional_embedding", "ln_final", "text_projection")
        stored = {(behind if key.startswith(text) else "") + key: value for key, value in weights.items()}
        file = "open_clip_pytorch_model.bin" if pickled else "open_clip_model.safetensors"
        if pickled:
            torch.save({**stored, f"{behind}attn_mask": torch.zeros(WINDOW, WINDOW)}, folder / file)
        else:
            save_file({key: value.contiguous() for key, value in stored.items()}, folder / file)
        write(world.home.cards / "encoders" / "far-clip", "encoder", "org/clip", file)
        seed(world.cache, "org/clip", folder)
        return weights

    return put


@pytest.mark.parametrize(("quick", "pickled", "behind"), [(False, False, ""), (True, True, "text.")])
def test_both_towers_of_a_clip_retrieve_after_a_pull(
    world: World, clip: Callable[..., Weights], quick: bool, pickled: bool, behind: str
) -> None:
    weights = clip(quick=quick, pickled=pickled, behind=behind)
    with world.open() as hub, pytest.raises(InvalidSource) as caught:
        load_retriever("far-clip", hub=hub, device="cpu")
    assert "\n" not in str(caught.value)
    assert "in open_clip's layout" in str(caught.value) and "`hub pull far-clip`" in str(caught.value)
    assert world.pull("far-clip") == 0
    with world.open() as hub:
        retriever = load_retriever("far-clip", hub=hub, device="cpu")
    assert type(retriever.dual.model).__name__ == "CLIPModel"
    ids_NL, _ = retriever.dual.tokenize(TEXTS, WINDOW)
    expected = F.normalize(text_features(weights, ids_NL, quick=quick), dim=1)
    torch.testing.assert_close(retriever.embed_texts(TEXTS), expected, atol=1e-5, rtol=1e-4)
    expected = F.normalize(image_features(weights, some_images(), quick=quick), dim=1)
    torch.testing.assert_close(retriever.embed_images(some_images()), expected, atol=1e-5, rtol=1e-4)


@pytest.fixture
def xlmr(world: World, tmp_path: Path, encoder_folder: Path) -> Any:
    """The layout of LAION's ViT-H/14 with XLM-R: a pickle, tokenizer.json, and no configuration at all. The model within."""
    folder = tmp_path / "xlmr"
    folder.mkdir()
    shutil.copyfile(encoder_folder / "tokenizer.json", folder / "tokenizer.json")
    sizes = json.loads((encoder_folder / "config.json").read_text())
    torch.manual_seed(9)
    model = XLMRobertaModel(
        XLMRobertaConfig(**sizes | {"num_attention_heads": 1, "layer_norm_eps": 1e-5, "dtype": "float32"}),
        add_pooling_layer=False,
    )
    stored = {f"text.transformer.{key}": value for key, value in model.eval().state_dict().items()}
    stored |= {"text.transformer.embeddings.position_ids": torch.arange(40)[None], "logit_scale": torch.tensor(2.7)}
    stored |= {f"text.proj.{place}.weight": torch.randn(8, 8) for place in (0, 2)}
    stored |= {
        f"visual.{key.removeprefix('visual.')}": value
        for key, value in clip_weights(9).items()
        if key.startswith("visual.")
    }
    torch.save(stored, folder / "open_clip_pytorch_model.bin")
    write(world.home.cards / "encoders" / "far-xlmr", "encoder", "org/huge", "open_clip_pytorch_model.bin")
    seed(world.cache, "org/huge", folder)
    return model


def test_the_text_tower_that_is_a_model_of_transformers_is_read_alone(
    world: World, xlmr: Any, base_folder: Path, make_module: Callable[..., Path]
) -> None:
    module = make_module(
        "pea-zh", ("zh",), architecture="projector", encoder={"name": "linguahub/far-xlmr", "digest": ""}
    )
    with (
        world.open() as hub,
        pytest.raises(InvalidSource, match="`far-xlmr` is upstream in org/huge in open_clip's layout"),
    ):
        load_pipeline(base_folder, module, hub=hub, device="cpu")
    assert world.pull("far-xlmr") == 0
    with world.open() as hub:
        pipe: Any = load_pipeline(base_folder, module, hub=hub, device="cpu")
        folder = hub.snapshot("far-xlmr")
    assert sorted(path.name for path in folder.glob("*.safetensors")) == ["model.safetensors"]
    encoder = TextEncoder.from_folder(folder)
    assert encoder.width == ENCODER_WIDTH
    ids_BL, mask_BL = encoder.tokenize(TEXTS, 12)
    assert mask_BL.sum(dim=1).tolist() == (ids_BL != 1).sum(dim=1).tolist()
    with torch.no_grad():
        expected = xlmr(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    torch.testing.assert_close(encoder.encode(TEXTS, 12)[0], expected)
    assert pipe.encode_prompt("aja", "cpu", 1, True, language="zh")[0].isfinite().all()


def test_a_folder_in_open_clips_layout_is_not_an_encoder_yet(
    load: Callable[..., Any], xlmr: Any, tmp_path: Path, make_module: Callable[..., Path]
) -> None:
    module = make_module("pea-zh", ("zh",), architecture="projector", encoder={"name": "org/huge", "digest": ""})
    with pytest.raises(InvalidSource, match=r"the folder `xlmr` is in open_clip's layout.*`hub pull org/huge`"):
        load(module, encoder=tmp_path / "xlmr")


def test_towers_that_transformers_has_no_class_for_are_refused(tmp_path: Path) -> None:
    weights = clip_weights(9) | {"visual.attn_pool.query": torch.zeros(3)}
    with pytest.raises(InvalidSource, match=r"no match for 1 of its tensors, such as `visual.attn_pool.query`"):
        translate(weights, {}, what="far-coca")
    without = {key: value for key, value in clip_weights(9).items() if key != "text_projection"}
    with pytest.raises(InvalidSource, match=r"it has no 'text_projection', unlike CLIP"):
        translate(without, {}, what="far-clip")


def test_a_dual_encoder_upstream_in_transformers_layout_retrieves_from_the_cache(world: World, tmp_path: Path) -> None:
    """As OpenAI's CLIP ViT-L/14; and M-CLIP's projector, pulled, finds it by the name of its card."""
    from tests.builders.models.dual_encoders import m_clip, save_dual

    model = save_dual("CLIP", tmp_path / "dual")
    write(world.home.cards / "encoders" / "far-clip", "encoder", "org/clip", "model.safetensors")
    seed(world.cache, "org/clip", tmp_path / "dual")
    projector, _ = m_clip(tmp_path, "far-clip", own=True)
    with world.open() as hub:
        alone = load_retriever("far-clip", hub=hub, device="cpu")
        both = load_retriever("far-clip", projector, hub=hub, device="cpu")
    ids_NL, mask_NL = alone.dual.tokenize(TEXTS, alone.dual.length)
    with torch.no_grad():
        expected = model.get_text_features(ids_NL, attention_mask=mask_NL).pooler_output
    torch.testing.assert_close(alone.embed_texts(TEXTS), F.normalize(expected, dim=1), atol=1e-5, rtol=1e-4)
    assert both.projection is not None and both.projection.encoder.width == ENCODER_WIDTH
    assert torch.equal(both.embed_images(some_images()), alone.embed_images(some_images()))


def test_m_clip_and_its_dual_encoder_are_pulled_and_found_by_their_cards(world: World, tmp_path: Path) -> None:
    """The published layout of M-CLIP, a pickle with a tokenizer beside it, and a dual encoder that is a pickle, too."""
    from safetensors.torch import load_file

    from tests.builders.models.dual_encoders import JOINT as FEATURES
    from tests.builders.models.dual_encoders import save_dual
    from tests.builders.models.tiny import make_encoder

    dual = save_dual("CLIP", tmp_path / "dual")
    torch.save(load_file(tmp_path / "dual" / "model.safetensors"), tmp_path / "dual" / "pytorch_model.bin")
    (tmp_path / "dual" / "model.safetensors").unlink()
    write(world.home.cards / "encoders" / "far-clip", "encoder", "org/clip", "pytorch_model.bin")
    seed(world.cache, "org/clip", tmp_path / "dual")

    published = make_encoder(tmp_path / "m-clip", seed=6)
    sizes = json.loads((published / "config.json").read_text()) | {
        "num_attention_heads": 1,
        "layer_norm_eps": 1e-5,
        "dtype": "float32",
    }
    torch.manual_seed(7)
    trunk = XLMRobertaModel(XLMRobertaConfig(**sizes), add_pooling_layer=True).eval()
    head = torch.nn.Linear(ENCODER_WIDTH, FEATURES)
    state = {f"transformer.{key}": value for key, value in trunk.state_dict().items()}
    torch.save(
        state | {f"LinearTransformation.{key}": value for key, value in head.state_dict().items()},
        published / "pytorch_model.bin",
    )
    (published / "model.safetensors").unlink()
    card = world.home.cards / "projectors" / "far-mclip" / "README.md"
    write(card.parent, "projector", "org/m-clip", "pytorch_model.bin", method="m-clip")
    files = [
        {"repository": "org/m-clip", "file": name}
        for name in ("pytorch_model.bin", "tokenizer.json", "tokenizer_config.json")
    ]
    text = card.read_text().replace(json.dumps(files[:1]), json.dumps(files))
    card.write_text(text.replace('"language": "en"', '"language": "mul", "base_model": ["linguahub/far-clip"]'))
    seed(world.cache, "org/m-clip", published)

    assert [world.pull("far-clip"), world.pull("far-mclip")] == [0, 0]
    with world.open() as hub:
        retriever = load_retriever("far-clip", "far-mclip", hub=hub, device="cpu")
    ids_NL, mask_NL = retriever.projection.encoder.tokenize(TEXTS, 30)
    expected = []
    with torch.no_grad():
        states_NLE = trunk(input_ids=ids_NL, attention_mask=mask_NL).last_hidden_state
        for states_LE, mask_L in zip(states_NLE, mask_NL, strict=True):
            expected.append(F.normalize(head(states_LE[: int(mask_L.sum())].mean(0)), dim=0))
        images = F.normalize(dual.get_image_features(_pixels()).pooler_output, dim=1)
    torch.testing.assert_close(retriever.embed_texts(TEXTS), torch.stack(expected), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(retriever.embed_images(some_images()), images, atol=1e-4, rtol=1e-3)


def _pixels() -> Tensor:
    mean, deviation = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    return (some_images() / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
