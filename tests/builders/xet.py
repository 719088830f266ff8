"""Build xorbs and shards as clients send them, byte by byte, so that tests can make wrong ones."""

from __future__ import annotations

import hashlib
import struct

from hub.xet.hashes import chunk_hash, file_hash, hash_to_hex, merkle_root, range_hash


def head(packed: int, scheme: int, size: int, version: int = 0) -> bytes:
    return bytes([version]) + packed.to_bytes(3, "little") + bytes([scheme]) + size.to_bytes(3, "little")


def xorb(*chunks: bytes) -> tuple[str, bytes]:
    """Return the name and content of a xorb of uncompressed chunks."""
    name = hash_to_hex(merkle_root([(chunk_hash(each), len(each)) for each in chunks]))
    return name, b"".join(head(len(each), 0, len(each)) + each for each in chunks)


def shard(name: str, *chunks: bytes, sha256: str = "", proof: bytes = b"", size: int = 0) -> bytes:
    """Return a shard of one file that consists of a whole xorb with these chunks."""
    hashes = [(chunk_hash(each), len(each)) for each in chunks]
    total = size or sum(len(each) for each in chunks)
    digest = sha256 or hashlib.sha256(b"".join(chunks)).hexdigest()
    unspelled = b"".join(struct.pack("<Q", int(name[place : place + 16], 16)) for place in range(0, 64, 16))
    raw_digest = b"".join(struct.pack("<Q", int(digest[place : place + 16], 16)) for place in range(0, 64, 16))
    parts = [
        b"HFRepoMetaData\0".ljust(32, b"U") + struct.pack("<QQ", 2, 0),
        file_hash(hashes) + struct.pack("<II8x", (1 << 31) | (1 << 30), 1),
        unspelled + struct.pack("<IIII", 0, total, 0, len(chunks)),
        (proof or range_hash([hash for hash, _ in hashes])) + bytes(16),
        raw_digest + bytes(16),
        b"\xff" * 32 + bytes(16),
        b"\xff" * 32 + bytes(16),
    ]
    return b"".join(parts)
