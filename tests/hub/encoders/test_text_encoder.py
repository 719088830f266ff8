"""A text encoder reads a transformers folder and answers as transformers would, faster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

from hub.encoders.text_encoder import TextEncoder
from hub.errors import DamagedFile, DoesNotFit, WeightsDoNotFit

TEXTS = ["aja", "", "ologbo eye aja ile aja ologbo eye aja ile"]
LENGTH = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny XLM-R."""
    torch.manual_seed(0)
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words = [(f"▁{word}", -2.0) for word in ("aja", "ologbo", "eye", "ile")]
    tokenizer = XLMRobertaTokenizer(vocab=[*special, ("▁", -3.0), *words])
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=20, type_vocab_size=1,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "xlmr")
    tokenizer.save_pretrained(tmp_path / "xlmr")
    return tmp_path / "xlmr"


def by_transformers(folder: Path) -> tuple[torch.Tensor, ...]:
    """All hidden states and the mask."""
    model = AutoModel.from_pretrained(folder, attn_implementation="sdpa").eval()
    batch = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    )
    with torch.no_grad():
        return (*model(**batch, output_hidden_states=True).hidden_states, batch.attention_mask)


@pytest.mark.parametrize(
    ("readout", "layer"), [("last_hidden_state", 3), ("hidden_states[-2]", 2), ("hidden_states[1]", 1)]
)
def test_states_are_those_of_transformers(folder: Path, readout: str, layer: int) -> None:
    tokens_BLE, mask_BL = TextEncoder.from_folder(folder, readout=readout).encode(TEXTS, LENGTH)
    *states, expected_mask = by_transformers(folder)
    assert torch.equal(tokens_BLE, states[layer])
    assert torch.equal(mask_BL, expected_mask.bool())


def test_pooled_readouts_give_one_state(folder: Path) -> None:
    encoder = TextEncoder.from_folder(folder)
    states, mask = encoder.encode(TEXTS, LENGTH)
    first, ones = encoder.with_readout("first").encode(TEXTS, LENGTH)
    torch.testing.assert_close(first[:, 0], states[:, 0])
    assert ones.shape == (3, 1)
    mean, _ = encoder.with_readout("mean").encode(TEXTS, LENGTH)
    torch.testing.assert_close(mean[0, 0], states[0, mask[0]].mean(0))
    assert encoder.with_readout("mean").model is encoder.model


@pytest.mark.parametrize(("sees_padding", "expected"), [(False, "longest text"), (True, "full length")])
def test_pooled_readouts_leave_out_padding_that_no_text_needs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sees_padding: bool, expected: str
) -> None:
    encoder = TextEncoder.from_folder(folder).with_readout("mean", sees_padding=sees_padding)
    read: list[int] = []
    forward = encoder.model.forward
    monkeypatch.setattr(
        encoder.model,
        "forward",
        lambda input_ids, **rest: (read.append(input_ids.shape[1]), forward(input_ids, **rest))[1],
    )
    encoder.encode(["aja", "eye aja"], 40)
    longest = int(encoder.tokenize(["aja", "eye aja"], 40)[1].sum(dim=1).max())
    assert longest < 40
    assert read == [longest if expected == "longest text" else 40]


def test_a_prefix_is_glued_and_its_tokens_can_be_dropped(folder: Path) -> None:
    encoder = TextEncoder.from_folder(folder)
    whole, whole_mask = encoder.encode(["eye aja"], LENGTH)
    kept, mask = encoder.encode(["aja"], LENGTH, prefix="eye ", drop=(1,))
    assert torch.equal(kept, whole[:, [0, 2, 3, 4, 5, 6]])
    assert torch.equal(mask, whole_mask[:, [0, 2, 3, 4, 5, 6]])


def test_a_head_for_another_task_is_left_off(folder: Path) -> None:
    weights = {f"roberta.{key}": value for key, value in load_file(folder / "model.safetensors").items()}
    save_file({**weights, "lm_head.bias": torch.zeros(9)}, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["XLMRobertaForMaskedLM"]}))
    tokens_BLE, _ = TextEncoder.from_folder(folder).encode(TEXTS, LENGTH)
    assert torch.equal(tokens_BLE, by_transformers(folder)[3])


def test_an_encoder_with_missing_weights_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsDoNotFit, match=r"`encoder.layer.1.output.dense.bias` is missing"):
        TextEncoder.from_folder(folder)


def test_a_broken_tokenizer_or_config_is_damaged(folder: Path) -> None:
    tokenizer = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(tokenizer[: len(tokenizer) // 2])
    with pytest.raises(DamagedFile, match="the tokenizer of `xlmr` cannot be read"):
        TextEncoder.from_folder(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(DamagedFile, match="`xlmr` is not a text encoder"):
        TextEncoder.from_folder(folder)


def test_an_unknown_readout_is_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(DoesNotFit, match=r"unknown readout `last`: .*`last_hidden_state`.*`hidden_states\[n\]`"):
        TextEncoder.from_folder(folder, readout="last")


def test_no_weight_of_an_encoder_is_trained(folder: Path) -> None:
    encoder = TextEncoder.from_folder(folder)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert not encoder.encode(["aja"], LENGTH)[0].requires_grad
    assert encoder.width == 16
