"""Put a file together from the xorbs that its shard names, checking everything that the shard claims."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.accounts import Account
from hub.errors import TooLarge, WrongSource
from hub.names import Digest
from hub.registry.custody import note_upload, note_xorb, touch_xorbs, xorb_of
from hub.store import BlobStore
from hub.xet.hashes import file_hash, range_hash
from hub.xet.shard import SentFile, Term
from hub.xet.xorb import Chunk, read_table, read_xorb, unpack, write_table

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from hub.registry.database import Database

LARGEST_FILE = 500 * 10**9
"""Bytes, as on the Hugging Face Hub. A small shard can name one chunk a million times."""
_NEAR = 1 << 20
"""Bytes of a xorb read at once, at least."""


def keep_xorb(database: Database, store: BlobStore, account: Account, name: str, sent: bytes) -> bool:
    """Check a xorb and keep it for its account; whether it is new. Raises WrongSource."""
    chunks = read_xorb(sent, name)
    digest, size = store.put(sent)
    return note_xorb(database, account, name, digest, size, write_table(chunks))


def keep_file(database: Database, store: BlobStore, account: Account, file: SentFile) -> Digest:
    """Check what a shard says of a file, and keep the file. Raises WrongSource; nothing is kept then."""
    if file.size > LARGEST_FILE:
        raise TooLarge(f"a file may have {LARGEST_FILE} bytes, and this one says {file.size}.")
    xorbs: dict[str, tuple[Digest, list[Chunk]]] = {}
    parts = [_chunks(database, account, term, xorbs) for term in file.terms]
    hashed = [(chunk.hash, chunk.size) for _, chunks in parts for chunk in chunks]
    if file_hash(hashed) != file.hash:
        raise WrongSource("the chunks that this shard names are not those of the file it describes: send it again.")
    stream = io.BufferedReader(_Joined(store, parts), _NEAR)
    digest, size = store.put(stream, file.sha256)
    note_upload(database, account, digest, size)
    touch_xorbs(database, account.id, list(xorbs))
    return digest


def _chunks(
    database: Database, account: Account, term: Term, known: dict[str, tuple[Digest, list[Chunk]]]
) -> tuple[Digest, list[Chunk]]:
    """Blob and chunks of a term, whose proof and size are right."""
    if term.xorb not in known:
        found = xorb_of(database, account.id, term.xorb)
        if found is None:
            raise WrongSource(f"xorb {term.xorb[:12]} was not sent by `{account.name}`: send it before the shard.")
        known[term.xorb] = found[0], read_table(found[1])
    digest, chunks = known[term.xorb]
    named = chunks[term.first : term.end]
    if term.end > len(chunks) or sum(chunk.size for chunk in named) != term.size:
        raise WrongSource(f"xorb {term.xorb[:12]} has no chunks {term.first} to {term.end} of {term.size} bytes.")
    if term.proof != range_hash([chunk.hash for chunk in named]):
        raise WrongSource(
            f"the proof for chunks {term.first} to {term.end} of xorb {term.xorb[:12]} is wrong or missing."
        )
    return digest, named


class _Joined(io.RawIOBase):
    """The chunks of several xorbs, one after the other."""

    def __init__(self, store: BlobStore, parts: list[tuple[Digest, list[Chunk]]]) -> None:
        self._contents = _contents(store, parts)
        self._left = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` as far as the next chunk goes; 0 at the end."""
        target = memoryview(buffer)
        if not self._left:
            self._left = next(self._contents, b"")
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _contents(store: BlobStore, parts: list[tuple[Digest, list[Chunk]]]) -> Iterator[bytes]:
    for digest, chunks in parts:
        with store.open(digest) as opened:
            opened.seek(chunks[0].start)
            place = chunks[0].start
            for chunk in chunks:
                opened.read(chunk.start - place)  # The head between two chunks.
                yield unpack(chunk, opened.read(chunk.packed))
                place = chunk.start + chunk.packed
