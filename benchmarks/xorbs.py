"""What a Xet client would send for a file, made beforehand: xorbs of plain chunks, and a shard."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from hub.names import Digest
from hub.xet.hashes import chunk_hash, file_hash, hash_to_hex, hex_to_hash, merkle_root, range_hash
from hub.xet.xorb import MAX_BYTES

CHUNK = 64 << 10
"""Bytes of every chunk; a client's own are of 8 to 128 KiB, and 64 in the mean."""
_PER_XORB = MAX_BYTES // CHUNK - 1
_HAS_PROOFS, _HAS_SHA256 = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True)
class Shipment:
    """A file as it goes over the wire."""

    xorbs: tuple[Path, ...]
    """Files with the bytes of each; their names are the xorbs'."""
    shard: bytes


def pack(path: Path, folder: Path) -> Shipment:
    """Write the shipment of a file into a folder: hashed here, so that sending it costs nothing but sending."""
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
    """A shard of one file that is whole xorbs, one after the other."""
    whole = file_hash([chunk for _, chunks in xorbs for chunk in chunks])
    entries = [struct.pack("<32sQQ", b"HFRepoMetaData\0".ljust(32, b"\x55"), 2, 0)]
    entries.append(struct.pack("<32sII8x", whole, _HAS_PROOFS | _HAS_SHA256, len(xorbs)))
    for name, chunks in xorbs:
        entries.append(struct.pack("<32sIIII", hex_to_hash(name), 0, sum(size for _, size in chunks), 0, len(chunks)))
    entries += [range_hash([hash for hash, _ in chunks]) + bytes(16) for _, chunks in xorbs]
    entries.append(hex_to_hash(sha256.hex) + bytes(16))
    return b"".join([*entries, b"\xff" * 32 + bytes(16), b"\xff" * 32 + bytes(16)])


def _head(size: int) -> bytes:
    """A plain chunk's."""
    return b"\0" + size.to_bytes(3, "little") + b"\0" + size.to_bytes(3, "little")
