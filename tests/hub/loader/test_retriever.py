"""`load_retriever` reads every dual encoder of transformers alike, and every module that brings texts beside its pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hub import load_retriever
from hub.errors import DoesNotFit, HubError, WeightsDoNotFit
from hub.systems.architectures import build
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights
from tests.hub.conftest import ENCODER_WIDTH, clip_tokenizer, make_encoder

JOINT = 20
"""Width of the tiny dual encoders' features."""
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**TOWER, "image_size": 16, "patch_size": 8}
TEXTS = ["aja", "ologbo dog", "eye"]


def save_dual(kind: str, folder: Path) -> Any:
    """A random dual encoder of the class `kind`, saved as transformers does; the model."""
    import transformers
    from transformers import CLIPImageProcessorPil

    torch.manual_seed(3)
    if kind == "CLIP":
        tokenizer = clip_tokenizer()
        text = {**TOWER, "max_position_embeddings": 16, "eos_token_id": tokenizer.eos_token_id}
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(make_encoder(folder.with_name("words"), seed=4))
        text = {**TOWER, "max_position_embeddings": 40, "pad_token_id": 1}
        text |= {"project_dim": 16, "type_vocab_size": 1} if kind == "AltCLIP" else {}
    config = getattr(transformers, f"{kind}Config")(
        text_config={**text, "vocab_size": len(tokenizer)}, vision_config=VISION, projection_dim=JOINT
    )
    model = getattr(transformers, f"{kind}Model")(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    return model


def some_pictures() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", ["CLIP", "ChineseCLIP", "AltCLIP"])
def test_a_dual_encoder_alone_gives_its_own_features(kind: str, tmp_path: Path) -> None:
    model = save_dual(kind, tmp_path / "dual")
    retriever = load_retriever(tmp_path / "dual", device="cpu")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "dual")
    length = model.config.text_config.max_position_embeddings
    given = tokenizer(TEXTS, padding="max_length", max_length=min(length, retriever.dual.length), return_tensors="pt")
    with torch.no_grad():
        pooled = model.get_text_features(given.input_ids, attention_mask=given.attention_mask).pooler_output
        pictures = (
            some_pictures() / 255 - torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        ) / torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]  # CLIP's mean and deviation
        seen = model.get_image_features(pictures).pooler_output
    assert torch.allclose(retriever.embed_texts(TEXTS), F.normalize(pooled, dim=1), atol=1e-5)
    assert torch.allclose(retriever.embed_images(some_pictures()), F.normalize(seen, dim=1), atol=1e-4)


def m_clip(folder: Path, variant: str, *, own: bool, feature_width: int = JOINT) -> tuple[Path, Path]:
    """An M-CLIP of random weights for a dual encoder: its folder, and that of the XLM-R it reads."""
    here = folder / "m-clip" / variant
    encoder = make_encoder(here / "encoder" if own else folder / "xlmr", seed=6)
    module = {"in_width": ENCODER_WIDTH, "feature_width": feature_width}
    torch.manual_seed(7)
    save_weights(build("pooled-transformation", module), here / "model.safetensors", torch.float32)
    rule = {"prefix": "", "drop": [], "length": 12}
    pin = {"folder": "encoder"} if own else {"name": "linguahub/xlmr"}
    config = {
        "format": 1,
        "kind": "projector",
        "method": "m-clip",
        "architecture": "pooled-transformation",
        "module": module,
        "base": {"name": "openai/clip", "digest": ""},
        "encoder": {**pin, "digest": digest_of(encoder), "readout": "last_hidden_state"},
        "conditioning": {"width": feature_width, "length": 1, "pooled_width": None, "mask": False},
        "prompt": {**rule, "negative": rule, "empty": "encode"},
        "languages": ["mul"],
        "run": {},
        "parent": "",
    }
    (here / "config.json").write_text(json.dumps(config))
    return folder / "m-clip", encoder


@pytest.mark.parametrize("own", [True, False], ids=["encoder inside", "encoder named"])
def test_m_clip_reads_texts_beside_the_pictures_of_its_clip(own: bool, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, XLMRobertaModel

    save_dual("CLIP", tmp_path / "any-name")
    folder, encoder = m_clip(tmp_path, "clip", own=own)
    retriever = load_retriever(tmp_path / "any-name", folder, device="cpu", encoder=None if own else encoder)

    weights = load_file(folder / "clip" / "model.safetensors")
    given = AutoTokenizer.from_pretrained(encoder)(TEXTS, padding=True, return_tensors="pt")
    model = XLMRobertaModel.from_pretrained(encoder, dtype=torch.float32, add_pooling_layer=False).eval()
    with torch.no_grad():
        states_BLE = model(**given).last_hidden_state
    expected = []
    for states_LE, mask_L in zip(states_BLE, given.attention_mask, strict=True):
        mean_E = states_LE[: int(mask_L.sum())].mean(0)
        vector_P = weights["LinearTransformation.weight"] @ mean_E + weights["LinearTransformation.bias"]
        expected.append(vector_P / vector_P.square().sum().sqrt())
    assert torch.allclose(retriever.embed_texts(TEXTS), torch.stack(expected), atol=1e-5)

    alone = load_retriever(tmp_path / "any-name", device="cpu")
    assert torch.equal(retriever.embed_images(some_pictures()), alone.embed_images(some_pictures()))
    retriever.index(some_pictures(), keys=["a", "b", "c"])
    best = (retriever.embed_images(some_pictures()) @ expected[0]).argmax()
    assert retriever.search("aja", 1)[0].key == "abc"[best]


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    save_dual("CLIP", tmp_path / "dual")
    wide, _ = m_clip(tmp_path / "wide", "dual", own=True, feature_width=JOINT + 1)
    folder, _ = m_clip(tmp_path / "fits", "dual", own=True)
    cut = folder / "dual" / "model.safetensors"
    torch.manual_seed(0)
    save_weights(torch.nn.Linear(2, 2), cut, torch.float32)
    path = tmp_path / "dual"
    for adapter, error, message in (
        (wide, DoesNotFit, "reads features of width 21"),
        (folder, WeightsDoNotFit, "LinearTransformation.weight"),
    ):
        with pytest.raises(error, match=message) as caught:
            load_retriever(path, adapter, device="cpu")
        assert "\n" not in str(caught.value)
    (folder / "dual" / "encoder" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(HubError, match="has digest") as caught:
        load_retriever(path, folder, device="cpu")
    assert "\n" not in str(caught.value)
