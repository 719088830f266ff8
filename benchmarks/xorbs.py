"""Prepare what a Xet client would upload for a file: xorbs of plain chunks, and a shard."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from hub.names import Digest
from hub.xet.hashes import chunk_hash, file_hash, hash_to_hex, hex_to_hash, merkle_root, range_hash
from hub.xet.xorb import MAX_BYTES

CHUNK = 64 << 10
"""Bytes per chunk; those of a real client have 8 to 128 KiB, 64 on average."""
_PER_XORB = MAX_BYTES // CHUNK - 1
_HAS_PROOFS, _HAS_SHA256 = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True)
class Shipment:
    """A file as it is uploaded."""

    xorbs: tuple[Path, ...]
    """Files with the size of each in bytes, named after the xorbs."""
    shard: bytes


def pack(path: Path, folder: Path) -> Shipment:
    """Write a file's xorbs and shard to a folder, hashed in advance, so that only sending is measured."""
    folder.mkdir()
    hashed, groups, xorbs = hashlib.sha256(), list[list[tuple[bytes, int]]](), list[Path]()
    with path.open("rb") as file:
        while content := file.read(CHUNK * _PER_XORB):
            hashed.update(content)
            chunks = [content[place : place + CHUNK] for place in range(0, len(content), CHUNK)]
            groups.append([(chunk_hash(chunk), len(chunk)) for chunk in chunks])
            xorbs.append(folder / hash_to_hex(merkle_root(groups[-1])))
            xorbs[-1].write_bytes(b"".join(part for chunk in chunks for part in (_head(len(chunk)), chunk)))
    shard = write_shard(list(zip((each.name for each in xorbs), groups, strict=True)), Digest(hashed.hexdigest()))
    return Shipment(tuple(xorbs), shard)


def write_shard(xorbs: list[tuple[str, list[tuple[bytes, int]]]], sha256: Digest) -> bytes:
    """Return a shard of one file that consists of complete xorbs in order."""
    whole = file_hash([chunk for _, chunks in xorbs for chunk in chunks])
    entries = [struct.pack("<32sQQ", b"HFRepoMetaData\0".ljust(32, b"\x55"), 2, 0)]
    entries.append(struct.pack("<32sII8x", whole, _HAS_PROOFS | _HAS_SHA256, len(xorbs)))
    for name, chunks in xorbs:
        entries.append(struct.pack("<32sIIII", hex_to_hash(name), 0, sum(size for _, size in chunks), 0, len(chunks)))
    entries += [range_hash([hash for hash, _ in chunks]) + bytes(16) for _, chunks in xorbs]
    entries.append(hex_to_hash(sha256.hex) + bytes(16))
    return b"".join([*entries, b"\xff" * 32 + bytes(16), b"\xff" * 32 + bytes(16)])


def _head(size: int) -> bytes:
    """Return the header of a plain chunk."""
    return b"\0" + size.to_bytes(3, "little") + b"\0" + size.to_bytes(3, "little")
