"""Xorbs: up to 64 MiB of chunks one after the other, each packed on its own.

    chunk = u8 version (0) · u24 packed size · u8 scheme · u24 size · packed bytes        (little-endian)

Source: Xet protocol specification, "Xorb".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from lz4.frame import LZ4FrameDecompressor

from hub.errors import DamagedFile, InvalidSource
from hub.xet.hashes import SIZE, chunk_hash, hash_to_hex, merkle_root

MAX_BYTES = 64 << 20
"""Bytes of a xorb's chunks, and of what is sent for it but for the heads."""
MAX_CHUNK = 128 << 10
"""Bytes of a chunk. What unpacks to more is refused: it would be a bomb."""
MAX_CHUNKS = 8 << 10
MAX_SENT = MAX_BYTES + MAX_CHUNKS * 8
_MAX_PACKED = 2 * MAX_CHUNK
"""Packing may make a chunk longer, but not twice as long."""
_HEAD = 8
_NEAR = 1 << 20
_FOOTER = b"XETBLOB"
"""What older clients add after the last chunk; it says nothing that the chunks do not."""
_PLAIN, _LZ4, _GROUPED_LZ4 = range(3)
_ROW = struct.Struct(f"<{SIZE}sIIII")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies among the bytes that are kept of a xorb, and what it is."""

    hash: bytes
    start: int
    """Of its bytes as they are kept."""
    packed: int
    """Bytes that are kept."""
    size: int
    """Bytes when it is unpacked."""
    scheme: int
    """How it is kept."""

    @property
    def is_plain(self) -> bool:
        """Whether its bytes are kept as they are."""
        return self.scheme == _PLAIN


def read_xorb(sent: BinaryIO, name: str) -> Iterator[tuple[Chunk, bytes]]:
    """The chunks of a xorb, each unpacked and hashed as it arrives, and what is to be kept of each, one after the other.

    They are kept unpacked, so that a file is put together by copying long runs, except those that pack to less than half: the
    disk holds at most twice of what was sent. Raises InvalidSource, at the last chunk, unless together they hash to `name`.
    """
    hashed, total, kept = list[tuple[bytes, int]](), 0, 0
    for packed, size, scheme in _chunks(sent):
        total += size
        if len(hashed) >= MAX_CHUNKS or total > MAX_BYTES:
            raise InvalidSource(f"xorb {name[:12]} holds more than {MAX_CHUNKS} chunks or {MAX_BYTES} bytes.")
        content = _unpack(packed, size, scheme)
        hashed.append((chunk_hash(content), size))
        stored, how = (content, _PLAIN) if 2 * len(packed) > size else (packed, scheme)
        yield Chunk(hashed[-1][0], kept, len(stored), size, how), stored
        kept += len(stored)
    found = hash_to_hex(merkle_root(hashed))
    if not hashed or found != name:
        raise InvalidSource(f"xorb {name[:12]} holds other bytes ({found[:12]}): send it again.")


def unpack(chunk: Chunk, packed: bytes) -> bytes:
    """The bytes of a chunk that was accepted. Raises DamagedFile when the store has changed them."""
    try:
        content = _unpack(packed, chunk.size, chunk.scheme)
    except InvalidSource as error:
        raise DamagedFile(f"a chunk of a xorb in the store is damaged: {error}") from error
    if chunk_hash(content) != chunk.hash:
        raise DamagedFile("a chunk of a xorb in the store holds other bytes than were sent. Look with `hub verify`.")
    return content


def write_table(chunks: Sequence[Chunk]) -> bytes:
    """The chunks as one value of a database."""
    return b"".join(_ROW.pack(each.hash, each.start, each.packed, each.size, each.scheme) for each in chunks)


def read_table(table: bytes) -> list[Chunk]:
    """What `write_table` wrote."""
    return [Chunk(*row) for row in _ROW.iter_unpack(table)]


def _chunks(sent: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Packed bytes, size and scheme of every chunk."""
    place = 0
    while head := sent.read(_HEAD):
        if head.startswith(_FOOTER):
            while sent.read(_NEAR):  # It has to be taken from the client all the same.
                pass
            return
        if len(head) < _HEAD or head[0] != 0:
            raise InvalidSource(f"no chunk begins at byte {place} of this xorb: it was cut or is of a newer version.")
        packed, size = int.from_bytes(head[1:4], "little"), int.from_bytes(head[5:8], "little")
        content = sent.read(packed) if 0 < size <= MAX_CHUNK and 0 < packed <= _MAX_PACKED else b""
        if not content or len(content) < packed:
            raise InvalidSource(f"the chunk at byte {place} says {packed} packed and {size} bytes, which cannot be.")
        yield content, size, head[4]
        place += _HEAD + packed


def _unpack(packed: bytes, size: int, scheme: int) -> bytes:
    if scheme == _PLAIN:
        content = packed
    elif scheme in {_LZ4, _GROUPED_LZ4}:
        content = _from_lz4(packed, size)
    else:
        raise InvalidSource(f"a chunk is packed by scheme {scheme}; 0, 1 and 2 are known.")
    if len(content) != size:
        raise InvalidSource(f"a chunk unpacks to {len(content)} bytes or more, and says {size}.")
    return _ungrouped(content) if scheme == _GROUPED_LZ4 else content


def _from_lz4(packed: bytes, size: int) -> bytes:
    """At most one byte more than `size`: never the whole of a bomb."""
    unpacker = LZ4FrameDecompressor()
    try:
        content: bytes = unpacker.decompress(packed, max_length=size + 1)
    except (RuntimeError, ValueError, EOFError) as error:
        raise InvalidSource(f"a chunk is no LZ4 frame: {error}.") from error
    if len(content) == size and not unpacker.eof and unpacker.decompress(b"", max_length=1):
        raise InvalidSource(f"a chunk unpacks to more than the {size} bytes it says.")
    return content


def _ungrouped(content: bytes) -> bytes:
    """Undo "byte grouping 4": first every fourth byte, then every fourth from the second on, and so on."""
    import numpy as np  # A fiftieth of the time of slices of a bytearray; clients send nearly all weights so.

    packed = np.frombuffer(content, np.uint8)
    grouped = np.empty_like(packed)
    start = 0
    for place in range(4):
        count = (len(content) - place + 3) // 4
        grouped[place::4] = packed[start : start + count]
        start += count
    return grouped.tobytes()
