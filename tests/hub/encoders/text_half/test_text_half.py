"""Of a big repository the text half alone is read, and answers as the whole would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    BertTokenizer,
    BitsAndBytesConfig,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    CLIPConfig,
    CLIPModel,
    LlamaModel,
    LlamaTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

from hub.encoders.text_encoder import TextEncoder
from hub.encoders.text_half import half_of, needed_files
from hub.encoders.text_half.read_half import INDEX
from hub.errors import DamagedFile, InvalidRequest, InvalidSource, MissingExtra, UnknownFile, WeightsDoNotFit
from tests.builders.models.internvl import (
    POOLED,
    WIDTH,
    plain_qllama,
    random_qllama,
)

TEXTS = ["aja eye", "", "e zz aja"]
LENGTH = 12


def test_qllama_without_images_is_a_llama_under_its_own_mask(internvl: Path) -> None:
    encoder = TextEncoder.from_folder(internvl)
    ids_BL, mask_BL = encoder.tokenize(TEXTS, LENGTH)
    assert torch.equal(mask_BL, (ids_BL > 0).long())
    tokens_BLE, _ = encoder.encode(TEXTS, LENGTH)
    torch.testing.assert_close(tokens_BLE, plain_qllama(random_qllama(8), ids_BL), atol=1e-5, rtol=1e-5)  # float32 sums
    assert isinstance(encoder.model, LlamaModel)
    assert encoder.width == WIDTH


def test_the_pooled_vector_is_the_projected_state_at_the_number_of_tokens_that_count(internvl: Path) -> None:
    encoder = TextEncoder.from_folder(internvl)
    texts = [*TEXTS, "a <unk> e"]
    ids_BL, _ = encoder.tokenize(texts, LENGTH)
    weights = random_qllama(8)
    states_BLE = plain_qllama(weights, ids_BL)
    places = [int((ids_L > 0).sum()) - 1 for ids_L in ids_BL]
    assert ids_BL[3, places[3]] != 2  # an unknown word shifts it off the end of the text, as in the original
    expected = torch.stack([states_BLE[row, place] for row, place in enumerate(places)]) @ weights["text_projection"]
    found = encoder.states(texts, LENGTH, drop=(1, 2, 3))
    assert found.tokens_BLE.shape[1] == LENGTH - 3
    assert found.pooled_BD is not None
    torch.testing.assert_close(found.pooled_BD, expected, atol=1e-4, rtol=1e-5)
    assert encoder.pooled_width == POOLED


def test_texts_end_with_an_end_token_are_padded_right_and_unknown_words_are_masked(
    internvl: Path,
) -> None:
    ids_BL, mask_BL = TextEncoder.from_folder(internvl).tokenize(["aja eye", "a <unk> e"], LENGTH)
    assert ids_BL[0].tolist() == [1, 3, 4, 5, 4, 3, 6, 7, 6, 2, 0, 0]
    end = ids_BL[1].tolist().index(2)
    unknown = ids_BL[1, :end] == 0
    assert unknown.any()
    assert mask_BL[1, :end].tolist() == (~unknown).long().tolist()


def test_files_of_the_other_half_need_not_be_there(internvl: Path) -> None:
    index = json.loads((internvl / INDEX).read_text())
    half = half_of(json.loads((internvl / "config.json").read_text()))
    assert needed_files(index, half) == ["model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"]
    assert len(needed_files(index, None)) == 3
    assert not (internvl / "model-00001-of-00003.safetensors").exists()


def test_a_needed_file_that_is_missing_or_cut_is_one_line(internvl: Path) -> None:
    path = internvl / "model-00003-of-00003.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(DamagedFile, match=r"model-00003-of-00003\.safetensors is truncated.*hub pull internvl"):
        TextEncoder.from_folder(internvl)
    path.unlink()
    with pytest.raises(UnknownFile, match=r"`model-00003-of-00003\.safetensors`.*`hub pull internvl`"):
        TextEncoder.from_folder(internvl)


def test_a_half_with_other_shapes_lists_every_disagreement(internvl: Path) -> None:
    path = internvl / "model-00002-of-00003.safetensors"
    weights = load_file(path)
    del weights["qllama.model.layers.0.mlp.up_proj.weight"]
    weights["qllama.model.embed_tokens.weight"] = torch.zeros(3, WIDTH)
    save_file(weights, path)
    with pytest.raises(WeightsDoNotFit) as caught:
        TextEncoder.from_folder(internvl)
    assert caught.value.problems == [
        "`layers.0.mlp.up_proj.weight` is missing",
        "`embed_tokens.weight` is 3×64 and should be 8×64",
    ]


def test_pickles_alone_are_refused(internvl: Path) -> None:
    for path in internvl.glob("model*"):
        path.unlink()
    (internvl / "pytorch_model.bin.index.json").write_text("{}")
    with pytest.raises(InvalidSource, match="as pickles alone"):
        TextEncoder.from_folder(internvl)


def bytes_of(texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
    """Bytes as ids, padded with 0."""
    rows = [[*text.encode()[:length], *[0] * (length - len(text.encode()))] for text in texts]
    ids_BL = torch.tensor(rows)
    return ids_BL, (ids_BL > 0).long()


T5_SIZES: dict[str, Any] = {"d_model": 16, "d_ff": 24, "d_kv": 8, "num_layers": 2, "num_heads": 2, "vocab_size": 384}


@pytest.mark.parametrize(
    ("config", "whole"),
    [(T5Config(**T5_SIZES), T5ForConditionalGeneration), (UMT5Config(**T5_SIZES), UMT5ForConditionalGeneration)],
    ids=["t5", "umt5"],
)
def test_the_encoder_half_of_t5_returns_the_states_of_the_complete_model(
    tmp_path: Path, config: Any, whole: Any
) -> None:
    torch.manual_seed(0)
    model = whole(config).eval()
    model.save_pretrained(tmp_path, max_shard_size="12KB")
    half = half_of(json.loads((tmp_path / "config.json").read_text()))
    needed = needed_files(json.loads((tmp_path / INDEX).read_text()), half)
    for path in tmp_path.glob("model-*"):
        if path.name not in needed:
            path.unlink()  # the decoder's
    encoder = TextEncoder.from_folder(tmp_path, tokenize=bytes_of)
    assert not any("decoder" in key for key in encoder.model.state_dict())
    ids_BL, mask_BL = encoder.tokenize(["aja", "a longer text"], 8)
    with torch.no_grad():
        expected = model.get_encoder()(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    assert torch.equal(encoder.encode(["aja", "a longer text"], 8)[0], expected)
    assert len(needed) < len(json.loads((tmp_path / INDEX).read_text())["weight_map"])


def test_the_text_tower_of_a_clip_is_read_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = CLIPModel(CLIPConfig(text_config={**small, "vocab_size": 20}, vision_config={**small, "image_size": 8, "patch_size": 4}, projection_dim=8)).eval()  # fmt: skip
    model.save_pretrained(tmp_path)
    LlamaTokenizer(vocab={"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "▁aja": 4}, merges=[], pad_token="<unk>").save_pretrained(tmp_path)  # fmt: skip
    encoder = TextEncoder.from_folder(tmp_path)
    assert type(encoder.model).__name__ == "CLIPTextModel"
    ids_BL, mask_BL = encoder.tokenize(["aja"], 6)
    with torch.no_grad():
        expected = model.text_model(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    assert torch.equal(encoder.encode(["aja"], 6)[0], expected)


def test_the_text_tower_of_a_chinese_clip_is_read_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = ChineseCLIPModel(ChineseCLIPConfig(text_config={**small, "vocab_size": 8}, vision_config={**small, "image_size": 8, "patch_size": 4}, projection_dim=8)).eval()  # fmt: skip
    model.save_pretrained(tmp_path)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "红", "心"]
    BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}).save_pretrained(tmp_path)
    encoder = TextEncoder.from_folder(tmp_path)
    ids_BL, mask_BL = encoder.tokenize(["红心", "红"], 6)
    assert ids_BL[0, :4].tolist() == [2, 5, 6, 3]
    with torch.no_grad():
        expected = model.text_model(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    torch.testing.assert_close(encoder.encode(["红心", "红"], 6)[0], expected)


def test_without_a_library_that_quantises_one_line_names_the_extra(
    internvl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.weights.quantisation.find_spec", lambda _: None)
    for word in ("8bit", "4bit"):
        with pytest.raises(
            MissingExtra,
            match=rf"^loading weights in {word} needs the extra `quantise`: pip install 'linguahub\[quantise\]'\.$",
        ):
            TextEncoder.from_folder(internvl, quantisation=word)
    with pytest.raises(InvalidRequest, match="unknown quantisation `2bit`: choose 8bit or 4bit"):
        TextEncoder.from_folder(internvl, quantisation="2bit")


@pytest.mark.parametrize(("word", "kind", "share"), [("8bit", "Int8Tensor", 0.02), ("4bit", "Params4bit", 0.25)])
def test_a_quantised_half_answers_nearly_the_same(internvl: Path, word: str, kind: str, share: float) -> None:
    exact, _ = TextEncoder.from_folder(internvl).encode(TEXTS, LENGTH)
    small = TextEncoder.from_folder(internvl, quantisation=word)
    near, _ = small.encode(TEXTS, LENGTH)
    assert type(small.model.get_submodule("layers.0.mlp.up_proj").weight).__name__ == kind
    # Rounding to 8 (4) bits errs by some 0.6 % (9 %) a layer on random weights; far less than another model's states differ.
    assert 0 < (near.float() - exact).norm() < share * exact.norm()


def test_in_4_bits_rows_of_incomplete_blocks_are_not_quantised(internvl: Path) -> None:
    whole, small = TextEncoder.from_folder(internvl).model, TextEncoder.from_folder(internvl, quantisation="4bit").model
    name = "layers.1.mlp.down_proj.weight"
    assert torch.equal(small.get_parameter(name), whole.get_parameter(name))


def test_unquantised_parts_are_cast_to_the_requested_dtype(internvl: Path) -> None:
    small = TextEncoder.from_folder(internvl, quantisation="8bit", dtype=torch.bfloat16)
    assert {each.dtype for each in small.model.parameters()} == {torch.bfloat16}
    assert small.encode(TEXTS, LENGTH)[0].dtype == torch.bfloat16


def test_transformers_own_configurations_are_taken_as_they_are(internvl: Path) -> None:
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", llm_int8_skip_modules=["down_proj"])
    theirs = TextEncoder.from_folder(internvl, quantisation=config)
    ours = TextEncoder.from_folder(internvl, quantisation="4bit")
    # The same weights; sums are taken in float32 by one and in bfloat16 by the other where a CPU has no instruction for these.
    torch.testing.assert_close(theirs.encode(TEXTS, LENGTH)[0], ours.encode(TEXTS, LENGTH)[0], atol=0.1, rtol=0.02)
