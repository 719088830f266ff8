"""Xorbs: up to 64 MiB of chunks one after the other, each packed on its own.

    chunk = u8 version (0) · u24 packed size · u8 scheme · u24 size · packed bytes        (little-endian)

Source: Xet protocol specification, "Xorb".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lz4.frame import LZ4FrameDecompressor

from hub.errors import Damaged, WrongSource
from hub.xet.hashes import SIZE, chunk_hash, merkle_root, spell

LARGEST = 64 << 20
"""Bytes of a xorb's chunks, and of what is sent for it but for the heads."""
LARGEST_CHUNK = 128 << 10
"""Bytes of a chunk. What unpacks to more is refused: it would be a bomb."""
MOST_CHUNKS = 8 << 10
LARGEST_SENT = LARGEST + MOST_CHUNKS * 8
_HEAD = 8
_FOOTER = b"XETBLOB"
"""What older clients add after the last chunk; it says nothing that the chunks do not."""
_PLAIN, _LZ4, _GROUPED_LZ4 = range(3)
_ROW = struct.Struct(f"<{SIZE}sIIII")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies in a xorb, and what it is."""

    hash: bytes
    start: int
    """Of its packed bytes."""
    packed: int
    """Bytes."""
    size: int
    """Bytes when it is unpacked."""
    scheme: int


def read_xorb(sent: bytes, name: str) -> list[Chunk]:
    """The chunks of a xorb, each unpacked and hashed. Raises WrongSource unless together they hash to `name`."""
    chunks, total = list[Chunk](), 0
    for start, packed, size, scheme in _heads(sent):
        total += size
        if len(chunks) >= MOST_CHUNKS or total > LARGEST:
            raise WrongSource(f"xorb {name[:12]} holds more than {MOST_CHUNKS} chunks or {LARGEST} bytes.")
        content = _unpack(sent[start : start + packed], size, scheme)
        chunks.append(Chunk(chunk_hash(content), start, packed, size, scheme))
    found = spell(merkle_root([(chunk.hash, chunk.size) for chunk in chunks]))
    if not chunks or found != name:
        raise WrongSource(f"xorb {name[:12]} holds other bytes ({found[:12]}): send it again.")
    return chunks


def unpack(chunk: Chunk, packed: bytes) -> bytes:
    """The bytes of a chunk that was accepted. Raises Damaged when the store has changed them."""
    try:
        content = _unpack(packed, chunk.size, chunk.scheme)
    except WrongSource as error:
        raise Damaged(f"a chunk of a xorb in the store is damaged: {error}") from error
    if chunk_hash(content) != chunk.hash:
        raise Damaged("a chunk of a xorb in the store holds other bytes than were sent. Look with `hub verify`.")
    return content


def write_table(chunks: Sequence[Chunk]) -> bytes:
    """The chunks as one value of a database."""
    return b"".join(_ROW.pack(each.hash, each.start, each.packed, each.size, each.scheme) for each in chunks)


def read_table(table: bytes) -> list[Chunk]:
    """What `write_table` wrote."""
    return [Chunk(*row) for row in _ROW.iter_unpack(table)]


def _heads(sent: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Start of the packed bytes, their number, the chunk's size and its scheme, of every chunk."""
    place = 0
    while place < len(sent):
        if sent[place : place + len(_FOOTER)] == _FOOTER:
            return
        head = sent[place : place + _HEAD]
        if len(head) < _HEAD or head[0] != 0:
            raise WrongSource(f"no chunk begins at byte {place} of this xorb: it was cut or is of a newer version.")
        packed, size = int.from_bytes(head[1:4], "little"), int.from_bytes(head[5:8], "little")
        start = place + _HEAD
        if not 0 < size <= LARGEST_CHUNK or not 0 < packed <= len(sent) - start:
            raise WrongSource(f"the chunk at byte {place} says {packed} packed and {size} bytes, which cannot be.")
        yield start, packed, size, head[4]
        place = start + packed


def _unpack(packed: bytes, size: int, scheme: int) -> bytes:
    if scheme == _PLAIN:
        content = packed
    elif scheme in {_LZ4, _GROUPED_LZ4}:
        content = _from_lz4(packed, size)
    else:
        raise WrongSource(f"a chunk is packed by scheme {scheme}; 0, 1 and 2 are known.")
    if len(content) != size:
        raise WrongSource(f"a chunk unpacks to {len(content)} bytes or more, and says {size}.")
    return _ungrouped(content) if scheme == _GROUPED_LZ4 else content


def _from_lz4(packed: bytes, size: int) -> bytes:
    """At most one byte more than `size`: never the whole of a bomb."""
    unpacker = LZ4FrameDecompressor()
    try:
        content: bytes = unpacker.decompress(packed, max_length=size + 1)
    except (RuntimeError, ValueError, EOFError) as error:
        raise WrongSource(f"a chunk is no LZ4 frame: {error}.") from error
    if len(content) == size and not unpacker.eof and unpacker.decompress(b"", max_length=1):
        raise WrongSource(f"a chunk unpacks to more than the {size} bytes it says.")
    return content


def _ungrouped(content: bytes) -> bytes:
    """Undo "byte grouping 4": first every fourth byte, then every fourth from the second on, and so on."""
    grouped = bytearray(len(content))
    start = 0
    for place in range(4):
        count = (len(content) - place + 3) // 4
        grouped[place::4] = content[start : start + count]
        start += count
    return bytes(grouped)
