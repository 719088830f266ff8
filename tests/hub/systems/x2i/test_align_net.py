"""X2I from a published file to FLUX.1, against its published forward written plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2Model,
)

from hub.convert import convert
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidSource, WeightsDoNotFit
from hub.loader import load_pipeline
from hub.loader.modules.module_config import read_config
from hub.systems.architectures import build
from hub.systems.x2i.format import INTERNVL, QWEN
from hub.weights.strict import load_weights
from tests.builders.models.families import save_base
from tests.builders.models.published_files import random, x2i

WIDTH, LAYERS, LENGTH = 16, 2, 24
CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-4}
"""float32 sums in another order."""
SIZES: dict[str, Any] = {
    "vocab_size": 32, "hidden_size": WIDTH, "intermediate_size": 24, "num_hidden_layers": LAYERS, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 600, "use_cache": False,
}  # fmt: skip
THETA = 500.0
"""Base of the rotary positions; no default, so that a reader that ignores it fails."""
Weights = dict[str, Tensor]


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer whose words are what blanks separate, with Qwen's special tokens, padded on the right."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words = [*special, "<unk>", "system", "user", "assistant", "You", "are", "a", "helpful", "assistant.", "aja", "eye"]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(special)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"pad_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def qwen_vl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Qwen2_5_VLForConditionalGeneration]:
    """A small Qwen2.5-VL in the layout in which it is published, and the complete model."""
    torch.manual_seed(1)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": THETA}
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": WIDTH}
    config = Qwen2_5_VLConfig(text_config=SIZES | {"rope_parameters": rope}, vision_config=vision)
    whole = Qwen2_5_VLForConditionalGeneration(config).eval()
    folder = tmp_path_factory.mktemp("qwen-vl")
    write_tokenizer(folder)
    published = {
        key.replace("model.language_model.", "model.").replace("model.visual.", "visual."): value.contiguous()
        for key, value in whole.state_dict().items()
    }
    save_file(published, folder / "model.safetensors", metadata={"format": "pt"})
    flat = SIZES | {"rope_scaling": {"type": "default", "mrope_section": [1, 1, 2], "rope_type": "default"}}
    flat |= {"model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"], "rope_theta": THETA}
    (folder / "config.json").write_text(json.dumps(flat | {"vision_config": vision}))
    return folder, whole


def plain_states(whole: Any, ids_BL: Tensor, mask_BL: Tensor) -> tuple[Tensor, ...]:
    """Return all hidden states of the complete model, whose positions count tokens and are 1 for padding."""
    places = [[sum(row[: place + 1]) - 1 if row[place] else 1 for place in range(len(row))] for row in mask_BL.tolist()]
    positions_3BL = torch.tensor(places).expand(3, -1, -1)
    with torch.no_grad():
        answer = whole.model.language_model(
            input_ids=ids_BL, attention_mask=mask_BL, position_ids=positions_3BL, output_hidden_states=True
        )
    states: tuple[Tensor, ...] = answer.hidden_states
    return states


def plain_align_net(w: Weights, states_BSLE: Tensor) -> tuple[Tensor, Tensor]:
    """Return tokens and pooled vector as X2I computes them from stacked states."""
    if "conv.weight" in w:
        kernel = w["conv.weight"].shape[-1]
        padded = F.pad(states_BSLE, [kernel // 2] * 4)
        windows = padded.unfold(2, kernel, 1).unfold(3, kernel, 1)  # (B, S, L, E, k, k)
        merged = torch.einsum("bsleij,sij->ble", windows, w["conv.weight"][0]) + w["conv.bias"]
    else:
        merged = (w["cha_scale"] * states_BSLE).sum(1) / states_BSLE.shape[1]
    mean = merged.mean(-1, keepdim=True)
    normed = (merged - mean) / ((merged - mean) ** 2).mean(-1, keepdim=True).add(1e-6).sqrt()
    x = normed * w["mlp.layernorm.weight"] + w["mlp.layernorm.bias"]
    tokens = F.gelu(x @ w["mlp.projector.0.weight"].T) @ w["mlp.projector.2.weight"].T
    return tokens, (F.gelu(tokens) @ w["mlp.fc.1.weight"].T + w["mlp.fc.1.bias"]).mean(1)


@pytest.mark.parametrize("kernel", [5, 3, None])
def test_states_are_merged_by_a_convolution_or_by_scales_and_the_pooled_vector_is_a_mean_of_all_tokens(
    kernel, tmp_path
):
    torch.manual_seed(0)
    w = random(x2i(kernel=kernel))
    torch.save(w, tmp_path / "file")
    convert(
        tmp_path / "file", tmp_path / "variant", what="a file", base="linguahub/flux1-schnell", encoder="org/encoder"
    )
    config = read_config(tmp_path / "variant")
    module = build(config.variant.architecture, config.module)
    load_weights(module, tmp_path / "variant" / "model.safetensors", what="a file")
    states = torch.randn(2, 3, 7, 8)
    tokens, pooled = plain_align_net(w, states)
    found = module(torch.cat(list(states.unbind(1)), dim=-1))
    torch.testing.assert_close(found.tokens_BLC, tokens, **CLOSE)
    torch.testing.assert_close(found.pooled_BP, pooled, **CLOSE)


def test_all_states_of_qwen_vl_are_those_of_the_complete_model_padding_included(qwen_vl):
    folder, whole = qwen_vl
    encoder = TextEncoder.from_folder(folder, readout="hidden_states[:]")
    assert encoder.width == (LAYERS + 1) * WIDTH
    assert not any("visual" in key for key in encoder.model.state_dict())
    texts = ["aja eye", "aja"]
    ids_BL, mask_BL = encoder.tokenize(texts, LENGTH)
    found, _ = encoder.encode(texts, LENGTH)
    torch.testing.assert_close(found, torch.cat(plain_states(whole, ids_BL, mask_BL), dim=-1), **CLOSE)


def test_qwen_vl_is_read_from_the_names_and_settings_of_newer_files_too(qwen_vl, tmp_path):
    folder, whole = qwen_vl
    whole.save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    old, new = (TextEncoder.from_folder(each).encode(["aja eye"], LENGTH)[0] for each in (folder, tmp_path))
    torch.testing.assert_close(new, old, **CLOSE)


def test_internvls_language_model_is_read_without_its_images(tmp_path):
    torch.manual_seed(2)
    inner = Qwen2Model(Qwen2Config(**SIZES, rope_parameters={"rope_type": "default", "rope_theta": THETA})).eval()
    weights = {f"language_model.model.{key}": value for key, value in inner.state_dict().items()}
    weights |= {
        "language_model.lm_head.weight": torch.zeros(32, WIDTH),
        "vision_model.embeddings.x": torch.zeros(2),
        "mlp1.0.bias": torch.zeros(2),
    }
    save_file(weights, tmp_path / "model.safetensors")
    llm = SIZES | {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "rope_theta": THETA,
        "return_dict": True,
    }
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "internvl_chat", "llm_config": llm}))
    write_tokenizer(tmp_path)
    encoder = TextEncoder.from_folder(tmp_path, readout="hidden_states[:]")
    ids_BL, mask_BL = encoder.tokenize(["aja eye"], LENGTH)
    with torch.no_grad():
        expected = inner(input_ids=ids_BL, attention_mask=mask_BL, output_hidden_states=True).hidden_states
    torch.testing.assert_close(encoder.encode(["aja eye"], LENGTH)[0], torch.cat(expected, dim=-1), **CLOSE)


def test_a_prompt_is_encoded_with_qwens_template_around_it(qwen_vl, tmp_path):
    folder, whole = qwen_vl
    base = save_base("flux", tmp_path / "base")
    pooled, width = _flux_widths(base)
    w = random(x2i(LAYERS + 1, WIDTH, width, pooled))
    torch.save({"config": {"in_channels": LAYERS + 1}, "state_dict": w}, tmp_path / "qwen_proj.pt")
    found = convert(
        tmp_path / "qwen_proj.pt", tmp_path / "x2i" / "flux", what="a file", base="org/flux", encoder="org/qwen-vl"
    )
    assert found.left == ("config",)
    pipe: Any = load_pipeline(base, tmp_path / "x2i" / "flux", encoder=folder, device="cpu")
    given = pipe.encode_prompt("aja eye", None, device="cpu", language="zh")
    encoder = TextEncoder.from_folder(folder)
    text = QWEN["prefix"] + "aja eye" + QWEN["suffix"]
    assert (
        text
        == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\naja eye<|im_end|>\n<|im_start|>assistant\n"
    )
    ids_BL, mask_BL = encoder.tokenize([text], 512)
    states_BSLE = torch.stack(plain_states(whole, ids_BL, mask_BL), dim=1)
    tokens, pooled_vector = plain_align_net(w, states_BSLE)
    torch.testing.assert_close(given[0], tokens, **CLOSE)
    torch.testing.assert_close(given[1], pooled_vector, **CLOSE)


def test_the_encoder_decides_the_template_and_is_stated_only_where_shapes_tell_it(tmp_path):
    files = {"one": x2i(25, 896, kernel=None), "both": x2i(37, 2048)}
    for name, shapes in files.items():
        torch.save(random(shapes), tmp_path / name)

    def imported(name: str, **given: str) -> dict[str, Any]:
        folder = tmp_path / f"{name}-{len(given.get('encoder', ''))}"
        convert(tmp_path / name, folder, what="a file", base="org/flux", **given)
        written: dict[str, Any] = json.loads((folder / "config.json").read_text())
        return written

    assert imported("both")["encoder"] is None
    one = imported("one")
    assert one["encoder"]["name"] == "linguahub/internvl25-1b"
    assert one["encoder"]["readout"] == "hidden_states[:]"
    assert one["prompt"]["suffix"] == INTERNVL["suffix"]
    assert imported("both", encoder="linguahub/qwen25-vl-3b")["prompt"]["prefix"] == QWEN["prefix"]
    assert imported("both", encoder="internvl25-4b")["prompt"]["prefix"] == INTERNVL["prefix"]


def test_a_file_with_x2is_unused_transformer_is_refused_by_name(tmp_path):
    torch.save(random(x2i() | {"t5stack.final_layer_norm.weight": (8,)}), tmp_path / "file")
    with pytest.raises(WeightsDoNotFit, match=r"`t5stack\.final_layer_norm\.weight` is unexpected"):
        convert(tmp_path / "file", tmp_path / "variant", what="a file", base="org/flux")


def test_settings_without_a_state_dict_beside_them_are_refused(tmp_path):
    torch.save({"config": {}, "state_dict": {"a": "text"}}, tmp_path / "file")
    with pytest.raises(InvalidSource, match="not a plain state dict"):
        convert(tmp_path / "file", tmp_path / "variant", what="a file", base="org/flux")


def test_a_width_that_the_states_do_not_divide_is_refused():
    with pytest.raises(DoesNotFit, match="`in_width` 25 is not a multiple of 3 states"):
        build("align-net", {"in_width": 25, "states": 3, "out_width": 4, "pooled_width": 2})


def _flux_widths(base: Path) -> tuple[int, int]:
    written = json.loads((base / "transformer" / "config.json").read_text())
    return written["pooled_projection_dim"], written["joint_attention_dim"]
