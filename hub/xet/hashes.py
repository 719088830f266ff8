"""Compute Xet's hashes: BLAKE3 with a key for each purpose, and Merkle trees.

Source: Xet protocol specification, "Hashing".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from blake3 import blake3

SIZE = 32
"""Bytes of every hash."""
_CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_FILE_KEY = bytes(SIZE)
_BRANCHES = 4
"""Mean number of children of a node: a node ends at a hash that is divisible by it, and has three to nine children."""


def chunk_hash(content: bytes | memoryview) -> bytes:
    """Return the hash of a chunk."""
    return blake3(content, key=_CHUNK_KEY).digest()


def range_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the hash that proves knowledge of the chunks of a range, from their hashes."""
    return blake3(b"".join(hashes), key=_RANGE_KEY).digest()


def merkle_root(chunks: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the hash of a xorb, from the hashes and sizes in bytes of its chunks."""
    level = list(chunks)
    while len(level) > 1:
        above, start = [], 0
        while start < len(level):
            end = start + _children(level, start)
            above.append(_node(level[start:end]))
            start = end
        level = above
    return level[0][0] if level else bytes(SIZE)


def file_hash(chunks: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the hash of a file, from the hashes and sizes in bytes of its chunks."""
    return blake3(merkle_root(chunks), key=_FILE_KEY).digest()


def hash_to_hex(hash: bytes) -> str:
    """Return a hash in Xet's notation: four little-endian 64-bit numbers in hex."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", hash))


def hex_to_hash(text: str) -> bytes:
    """Return the hash from Xet's notation: the inverse of `hash_to_hex`. Raises ValueError."""
    if len(text) != 2 * SIZE or not all(character in "0123456789abcdef" for character in text):
        raise ValueError(f"{text[:80]!r} is not a hash of 64 lowercase hex digits")
    return struct.pack("<4Q", *(int(text[start : start + 16], 16) for start in range(0, 64, 16)))


def _children(level: Sequence[tuple[bytes, int]], start: int) -> int:
    remaining = len(level) - start
    if remaining <= 2:
        return remaining
    limit = min(2 * _BRANCHES + 1, remaining)
    for place in range(2, limit):
        if struct.unpack_from("<Q", level[start + place][0], 24)[0] % _BRANCHES == 0:
            return place + 1
    return limit


def _node(children: Sequence[tuple[bytes, int]]) -> tuple[bytes, int]:
    text = "".join(f"{hash_to_hex(hash)} : {size}\n" for hash, size in children)
    return blake3(text.encode(), key=_NODE_KEY).digest(), sum(size for _, size in children)
