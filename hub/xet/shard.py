"""Parse shards, which list the ranges of xorbs that make up each file.

A shard is a sequence of 48-byte entries: a header; for each file a header, terms, proofs and SHA-256; a bookend; the xorbs; a
bookend.

Source: Xet protocol specification, "Shard".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hub.errors import InvalidSource
from hub.names import Digest
from hub.xet.hashes import SIZE, hash_to_hex

MAX_BYTES = 64 << 20
"""Maximum size of a shard, as on the Hugging Face Hub."""
_ENTRY = 48
_TAG = b"HFRepoMetaData\0"
_VERSION = 2
_FILE = struct.Struct("<32sII8x")
_TERM = struct.Struct("<32sIIII")
_BOOKEND = b"\xff" * SIZE
_HAS_PROOFS, _HAS_SHA256 = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True)
class Term:
    """Consecutive chunks of one xorb."""

    xorb: str
    size: int
    """Unpacked size of the chunks in bytes."""
    first: int
    end: int
    """Index of the first chunk, and of the one after the last."""
    proof: bytes | None
    """`range_hash` of the chunks, if the client sent it."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file, as described by a shard."""

    hash: bytes
    terms: tuple[Term, ...]
    sha256: Digest | None

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return sum(term.size for term in self.terms)


def read_files(sent: bytes) -> list[SentFile]:
    """Return the files of a shard. Their claims are not checked here. Raises InvalidSource for an invalid shard."""
    header = sent[:_ENTRY]
    if len(header) < _ENTRY or not header.startswith(_TAG) or struct.unpack_from("<Q", header, SIZE)[0] != _VERSION:
        raise InvalidSource(f"this is not a Xet shard of version {_VERSION}.")
    return list(_files(_Entries(sent)))


class _Entries:
    """A reader of entries, with its position in a shard."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self.position = _ENTRY

    def read(self) -> bytes:
        entry = self.sent[self.position : self.position + _ENTRY]
        if len(entry) < _ENTRY:
            raise InvalidSource("this Xet shard is truncated: its bookend is missing.")
        self.position += _ENTRY
        return entry

    def left(self) -> int:
        return (len(self.sent) - self.position) // _ENTRY


def _files(entries: _Entries) -> Iterator[SentFile]:
    while not (header := entries.read()).startswith(_BOOKEND):
        hash, flags, count = _FILE.unpack(header)
        has_proofs = bool(flags & _HAS_PROOFS)
        if count * (1 + has_proofs) > entries.left():
            raise InvalidSource(f"this Xet shard is truncated: it declares {count} terms.")
        terms = [_TERM.unpack(entries.read()) for _ in range(count)]
        proofs = [entries.read()[:SIZE] if has_proofs else None for _ in range(count)]
        sha256 = Digest(hash_to_hex(entries.read()[:SIZE])) if flags & _HAS_SHA256 else None
        yield SentFile(hash, tuple(map(_term, terms, proofs)), sha256)


def _term(fields: tuple[bytes, int, int, int, int], proof: bytes | None) -> Term:
    xorb, _, size, first, end = fields
    if first >= end:
        raise InvalidSource(f"this Xet shard has an invalid term: chunks {first} to {end}.")
    return Term(hash_to_hex(xorb), size, first, end, proof)
