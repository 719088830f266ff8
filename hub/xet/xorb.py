"""Read xorbs: up to 64 MiB of consecutive chunks, each compressed separately.

    chunk = u8 version (0) · u24 packed size · u8 scheme · u24 size · packed bytes        (little-endian)

Source: Xet protocol specification, "Xorb".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from blake3 import blake3
from lz4.frame import LZ4FrameDecompressor

from hub.errors import DamagedFile, InvalidSource
from hub.xet.hashes import SIZE, chunk_hash, hash_to_hex, merkle_root

MAX_BYTES = 64 << 20
"""Maximum size of a xorb's chunks, both unpacked and as sent, without their headers."""
MAX_CHUNK = 128 << 10
"""Maximum unpacked size of a chunk. Larger ones are refused, because they could be decompression bombs."""
MAX_CHUNKS = 8 << 10
"""Maximum number of chunks of a xorb."""
MAX_SENT = MAX_BYTES + MAX_CHUNKS * 8
"""Maximum size of a xorb as sent, with the headers of its chunks."""
_MAX_PACKED = 2 * MAX_CHUNK
"""Maximum packed size of a chunk. Compression can make a chunk longer, but not twice as long."""
_HEAD = 8
_NEAR = 1 << 20
_FOOTER = b"XETBLOB"
"""Start of the footer that older clients append. It only repeats what the chunks contain."""
_PLAIN, _LZ4, _GROUPED_LZ4 = range(3)
Bytes = bytes | memoryview
"""Content, or a part of what has arrived that was not copied."""
_ROW = struct.Struct(f"<{SIZE}sIIII")
_TABLE_KEY = b"linguahub: the table of a xorb 1"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk: its hash, and its position among the stored bytes of a xorb."""

    hash: bytes
    start: int
    """First stored byte."""
    packed: int
    """Stored size in bytes."""
    size: int
    """Unpacked size in bytes."""
    scheme: int
    """Compression scheme of the stored bytes."""

    @property
    def is_plain(self) -> bool:
        """Return whether the chunk is stored without compression."""
        return self.scheme == _PLAIN


def read_xorb(sent: BinaryIO, name: str) -> Iterator[tuple[Chunk, Bytes]]:
    """Yield the chunks of a xorb with the bytes to store for each. Chunks are unpacked and hashed as they arrive.

    Chunks are stored unpacked, so that files are assembled by copying long runs, except those that compress to less than half:
    the stored size is at most twice the size that was sent. Raises InvalidSource for an invalid chunk, and after the last one
    if they do not hash to `name`.
    """
    hashed, total, stored_bytes = list[tuple[bytes, int]](), 0, 0
    for packed, size, scheme in _chunks(sent):
        total += size
        if len(hashed) >= MAX_CHUNKS or total > MAX_BYTES:
            raise InvalidSource(f"xorb {name[:12]} has more than {MAX_CHUNKS} chunks or {MAX_BYTES} bytes.")
        content = _unpack(packed, size, scheme)
        hashed.append((chunk_hash(content), size))
        stored, stored_scheme = (content, _PLAIN) if 2 * len(packed) > size else (packed, scheme)
        yield Chunk(hashed[-1][0], stored_bytes, len(stored), size, stored_scheme), stored
        stored_bytes += len(stored)
    found = hash_to_hex(merkle_root(hashed))
    if not hashed or found != name:
        raise InvalidSource(f"xorb {name[:12]} has the hash {found[:12]}: upload it again.")


def unpack(chunk: Chunk, packed: bytes) -> Bytes:
    """Return the unpacked bytes of a stored chunk. Raises DamagedFile if the stored bytes are damaged."""
    try:
        content = _unpack(packed, chunk.size, chunk.scheme)
    except InvalidSource as error:
        raise DamagedFile(f"a chunk of a xorb in the store is damaged: {error}") from error
    if chunk_hash(content) != chunk.hash:
        raise DamagedFile("a chunk of a xorb in the store does not match its hash. Check with `hub verify`.")
    return content


def write_table(chunks: Sequence[Chunk]) -> bytes:
    """Return chunks as bytes, to be stored in one column of the database."""
    return b"".join(_ROW.pack(each.hash, each.start, each.packed, each.size, each.scheme) for each in chunks)


def read_table(table: bytes) -> list[Chunk]:
    """Return the chunks from the bytes of `write_table`."""
    return [Chunk(*row) for row in _ROW.iter_unpack(table)]


def table_hash(table: bytes) -> str:
    """Return the hash of a table. It determines the bytes of all chunks, because the table has their hashes."""
    return blake3(table, key=_TABLE_KEY).hexdigest()


class _Pieces:
    """Takes bytes from the pieces in which a file arrives. Most are views, not copies."""

    def __init__(self, sent: BinaryIO) -> None:
        self._sent = sent
        self._left = memoryview(b"")

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes; fewer at the end."""
        taken, self._left = self._left[:size], self._left[size:]
        while len(taken) < size and (piece := self._sent.read(_NEAR)):
            start, self._left = memoryview(piece)[: size - len(taken)], memoryview(piece)[size - len(taken) :]
            taken = memoryview(b"".join((taken, start))) if taken else start
        return taken

    def skip(self) -> None:
        """Read to the end, or the client would see a broken connection."""
        while self._sent.read(_NEAR):
            pass


def _chunks(sent: BinaryIO) -> Iterator[tuple[memoryview, int, int]]:
    """Yield packed bytes, unpacked size and scheme of every chunk."""
    position, pieces = 0, _Pieces(sent)
    while head := bytes(pieces.take(_HEAD)):
        if head.startswith(_FOOTER):
            pieces.skip()
            return
        if len(head) < _HEAD or head[0] != 0:
            raise InvalidSource(
                f"no valid chunk begins at byte {position} of this xorb: it is truncated or of a newer version."
            )
        packed, size = int.from_bytes(head[1:4], "little"), int.from_bytes(head[5:8], "little")
        is_valid = 0 < size <= MAX_CHUNK and 0 < packed <= _MAX_PACKED
        content = pieces.take(packed if is_valid else 0)
        if not content or len(content) < packed:
            raise InvalidSource(
                f"the chunk at byte {position} declares invalid sizes: {packed} packed, {size} unpacked."
            )
        yield content, size, head[4]
        position += _HEAD + packed


def _unpack(packed: Bytes, size: int, scheme: int) -> Bytes:
    content: Bytes
    if scheme == _PLAIN:
        content = packed
    elif scheme in {_LZ4, _GROUPED_LZ4}:
        content = _decompress(packed, size)
    else:
        raise InvalidSource(f"a chunk has the unknown compression scheme {scheme}; supported are 0, 1 and 2.")
    if len(content) != size:
        raise InvalidSource(f"a chunk unpacks to {len(content)} bytes or more instead of {size}.")
    return _ungroup(content) if scheme == _GROUPED_LZ4 else content


def _decompress(packed: Bytes, size: int) -> bytes:
    """Decompress at most one byte more than `size`, so that a decompression bomb is never expanded."""
    unpacker = LZ4FrameDecompressor()
    try:
        content: bytes = unpacker.decompress(packed, max_length=size + 1)
    except (RuntimeError, ValueError, EOFError) as error:
        raise InvalidSource(f"a chunk is not a valid LZ4 frame: {error}.") from error
    if len(content) == size and not unpacker.eof and unpacker.decompress(b"", max_length=1):
        raise InvalidSource(f"a chunk unpacks to more than {size} bytes.")
    return content


def _ungroup(content: Bytes) -> bytes:
    """Undo "byte grouping 4": first every fourth byte, then every fourth from the second on, and so on."""
    import numpy as np  # Fifty times faster than slicing a bytearray, and clients send nearly all weights this way.

    packed = np.frombuffer(content, np.uint8)
    plain = np.empty_like(packed)
    start = 0
    for offset in range(4):
        count = (len(content) - offset + 3) // 4
        plain[offset::4] = packed[start : start + count]
        start += count
    return plain.tobytes()
