"""Xorbs in a folder store: the chunks of an upload one after another, then a table of them.

    chunk … chunk · table · u32 size of the table · "XORB"        (little-endian)

Each chunk was compared with its BLAKE3 hash when it arrived, and the table has all hashes. So a xorb is named after the hash of its table:
computing SHA-256 of its bytes, too, would take three times as long as all other checks, and no file is called by that digest.
"""

from __future__ import annotations

import errno
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from hub.errors import DamagedFile, MissingExtra, Unreachable
from hub.names import Digest

if TYPE_CHECKING:
    from hub.xet.xorb import Bytes, Chunk

_END = struct.Struct("<I4s")
_MAGIC = b"XORB"


def with_table(chunks: Iterable[tuple[Chunk, Bytes]], listed: list[Chunk]) -> Iterator[Bytes]:
    """Yield the content of a xorb file. `listed` gets its chunks."""
    from hub.xet.xorb import write_table

    for chunk, content in chunks:
        listed.append(chunk)
        yield content
    table = write_table(listed)
    yield table + _END.pack(len(table), _MAGIC)


def name_of(chunks: list[Chunk]) -> Digest:
    """Return the digest by which a store knows a xorb."""
    from hub.xet.xorb import table_hash, write_table

    return Digest(table_hash(write_table(chunks)))


def read_chunks(opened: BinaryIO, pace: Callable[[int], None] | None = None) -> Iterator[tuple[Chunk, bytes]]:
    """Yield the chunks of a xorb file, each compared with its hash, and their stored bytes. Raises DamagedFile, MissingExtra.

    `pace` is called with the number of bytes after each chunk.
    """
    try:
        from hub.xet.xorb import unpack
    except ImportError as error:
        raise MissingExtra("serve", "reading files uploaded by Xet") from error
    chunks = _read_table(opened)
    opened.seek(0)
    position = 0
    for chunk in chunks:
        content = opened.read(chunk.packed)
        if chunk.start != position or len(content) != chunk.packed:
            raise DamagedFile("the table of a xorb in the store does not match its chunks.")
        unpack(chunk, content)
        position += chunk.packed
        if pace is not None:
            pace(chunk.packed)
        yield chunk, content


def hash_xorb(opened: BinaryIO, pace: Callable[[int], None] | None = None) -> str:
    """Return the digest of a xorb file; text that no digest equals if its bytes are damaged. Raises Unreachable, MissingExtra."""
    try:
        return name_of([chunk for chunk, _ in read_chunks(opened, pace)]).hex
    except DamagedFile:
        return "damaged"
    except OSError as error:
        if error.errno == errno.EIO:
            return "unreadable"
        raise Unreachable(f"cannot read the store: {error.strerror or error}.") from error


def is_xorb(opened: BinaryIO) -> bool:
    """Return whether a file ends as a xorb does."""
    if opened.seek(0, io.SEEK_END) < _END.size:
        return False
    opened.seek(-_END.size, io.SEEK_END)
    return opened.read(_END.size).endswith(_MAGIC)


def _read_table(opened: BinaryIO) -> list[Chunk]:
    from hub.xet.xorb import read_table

    if not is_xorb(opened):
        raise DamagedFile("a xorb in the store has no table.")
    opened.seek(-_END.size, io.SEEK_END)
    size, _ = _END.unpack(opened.read(_END.size))
    try:
        opened.seek(-_END.size - size, io.SEEK_END)
        return read_table(opened.read(size))
    except (OSError, struct.error) as error:
        raise DamagedFile("the table of a xorb in the store is damaged.") from error
