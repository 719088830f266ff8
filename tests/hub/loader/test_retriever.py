"""`load_retriever` supports every dual encoder of transformers, and every module that brings texts beside its images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from hub import load_retriever
from hub.errors import DoesNotFit, HubError, WeightsDoNotFit
from hub.weights.strict import save_weights
from tests.builders.models.dual_encoders import JOINT, m_clip, save_dual, some_images

TEXTS = ["aja", "ologbo dog", "eye"]


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
        images = (
            some_images() / 255 - torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        ) / torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]  # CLIP's mean and deviation
        seen = model.get_image_features(images).pooler_output
    assert torch.allclose(retriever.embed_texts(TEXTS), F.normalize(pooled, dim=1), atol=1e-5)
    assert torch.allclose(retriever.embed_images(some_images()), F.normalize(seen, dim=1), atol=1e-4)


@pytest.mark.parametrize("own", [True, False], ids=["encoder inside", "encoder named"])
def test_m_clip_reads_texts_beside_the_images_of_its_clip(own: bool, tmp_path: Path) -> None:
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
    assert torch.equal(retriever.embed_images(some_images()), alone.embed_images(some_images()))
    retriever.index(some_images(), keys=["a", "b", "c"])
    best = (retriever.embed_images(some_images()) @ expected[0]).argmax()
    assert retriever.search("aja", 1)[0].key == "abc"[best]


def test_a_misfit_is_one_line(tmp_path: Path) -> None:
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
