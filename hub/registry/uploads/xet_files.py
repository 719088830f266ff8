"""Store xorbs, and compose files of the xorbs that their shard references, verifying everything that the shard claims."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from hub.errors import DamagedBlob, DamagedFile, InvalidSource, TooLarge, UnknownFile
from hub.names import Digest
from hub.registry.accounts.permissions import Account, Caller
from hub.registry.uploads.blob_ids import record_xet_hash
from hub.registry.uploads.uploads import find_xorb, forget_xorbs, record_upload, record_xorb, touch_xorbs
from hub.store import BlobStore
from hub.store.composed import Part
from hub.xet.hashes import file_hash, hash_to_hex, range_hash
from hub.xet.shard import SentFile, Term
from hub.xet.xorb import Bytes, Chunk, read_table, read_xorb, unpack, write_table

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_FILE_BYTES = 500 * 10**9
"""As on the Hugging Face Hub. A small shard can reference one chunk a million times."""


def store_xorb(
    database: Database, store: BlobStore, account: Account, name: str, sent: BinaryIO, *, owner: str = ""
) -> bool:
    """Verify a xorb while it is received, and store it. Return whether it is new to the account. Raises InvalidSource.

    `owner`: see `record_upload`.
    """
    digest, chunks = store.put_xorb(read_xorb(sent, name))
    size = sum(chunk.packed for chunk in chunks)
    return record_xorb(database, account, name, digest, size, write_table(chunks), owner=owner)


def store_file(database: Database, store: BlobStore, caller: Caller, file: SentFile, *, owner: str = "") -> Digest:
    """Verify a file that a shard describes, and store it. `owner`: see `record_uploads`. Raises InvalidSource, TooLarge."""
    assert caller.account is not None, "uploads need an account"
    account = caller.account
    if file.size > MAX_FILE_BYTES:
        raise TooLarge(f"the file has {file.size} bytes, the maximum is {MAX_FILE_BYTES}.")
    xorbs: dict[str, tuple[Digest, list[Chunk]]] = {}
    parts = [_chunks(database, account, term, xorbs) for term in file.terms]
    hashed = [(chunk.hash, chunk.size) for _, chunks in parts for chunk in chunks]
    if file_hash(hashed) != file.hash:
        raise InvalidSource("the chunks in this shard do not match the hash of its file: upload it again.")
    try:
        if file.sha256 is None:  # Only the hashes of the xorbs show whether the bytes are right.
            for xorb, _ in xorbs.values():
                store.confirm(xorb)
        digest = store.compose([_part(xorb, run) for xorb, chunks in parts for run in _runs(chunks)], file.sha256)
    except (DamagedFile, InvalidSource, UnknownFile):
        _forget_lost_xorbs(database, store, [xorb for xorb, _ in xorbs.values()])
        raise
    record_upload(database, caller, digest, file.size, owner=owner)
    record_xet_hash(database, digest, hash_to_hex(file.hash))
    touch_xorbs(database, account.id, list(xorbs))
    return digest


def _forget_lost_xorbs(database: Database, store: BlobStore, xorbs: list[Digest]) -> None:
    """Forget those of `xorbs` that are damaged or missing, so that clients send them again, and raise DamagedBlob for the first."""
    lost = []
    for digest in xorbs:
        try:
            store.verify(digest)
        except (DamagedBlob, UnknownFile):
            forget_xorbs(database, digest)
            lost.append(digest)
    if lost:
        raise DamagedBlob(lost[0].hex)


def _chunks(
    database: Database, account: Account, term: Term, known: dict[str, tuple[Digest, list[Chunk]]]
) -> tuple[Digest, list[Chunk]]:
    """Return the blob and the chunks of a term after verifying its proof and size. Raises InvalidSource."""
    if term.xorb not in known:
        found = find_xorb(database, account.id, term.xorb)
        if found is None:
            raise InvalidSource(
                f"xorb {term.xorb[:12]} was not uploaded by `{account.name}`: upload it before the shard."
            )
        known[term.xorb] = found[0], read_table(found[1])
    digest, chunks = known[term.xorb]
    named = chunks[term.first : term.end]
    if term.end > len(chunks) or sum(chunk.size for chunk in named) != term.size:
        raise InvalidSource(f"xorb {term.xorb[:12]} has no chunks {term.first} to {term.end} of {term.size} bytes.")
    if term.proof != range_hash([chunk.hash for chunk in named]):
        raise InvalidSource(
            f"the proof for chunks {term.first} to {term.end} of xorb {term.xorb[:12]} is wrong or missing."
        )
    return digest, named


def _part(digest: Digest, run: list[Chunk]) -> Part:
    """Return contiguous chunks of a xorb as a part of a file."""
    stored, size = sum(chunk.packed for chunk in run), sum(chunk.size for chunk in run)
    return Part(digest, run[0].start, stored, size, None if run[0].is_plain else partial(_unpack_run, run))


def _unpack_run(run: list[Chunk], opened: BinaryIO) -> Iterator[Bytes]:
    return (unpack(chunk, opened.read(chunk.packed)) for chunk in run)


def _runs(chunks: list[Chunk]) -> Iterator[list[Chunk]]:
    """Group chunks whose bytes are contiguous, separately for uncompressed and compressed ones."""
    run: list[Chunk] = []
    for chunk in chunks:
        if run and (chunk.start != run[-1].start + run[-1].packed or chunk.is_plain != run[-1].is_plain):
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run
