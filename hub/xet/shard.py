"""Shards: which ranges of which xorbs make a file.

Everything is 48 bytes: a head, then files (a head, its terms, proofs, its SHA-256), a bookend, then xorbs, a bookend.

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
"""Bytes of a shard, as on the Hugging Face Hub."""
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
    """Bytes of the chunks."""
    first: int
    end: int
    """Numbers of the first chunk and of the one behind the last."""
    proof: bytes | None
    """Hash of the chunks' hashes."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as a shard describes it."""

    hash: bytes
    terms: tuple[Term, ...]
    sha256: Digest | None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(term.size for term in self.terms)


def read_files(sent: bytes) -> list[SentFile]:
    """The files of a shard. Raises InvalidSource for what is no shard; nothing it claims is checked here."""
    head = sent[:_ENTRY]
    if len(head) < _ENTRY or not head.startswith(_TAG) or struct.unpack_from("<Q", head, SIZE)[0] != _VERSION:
        raise InvalidSource(f"this is no Xet shard of version {_VERSION}.")
    entries = _Entries(sent)
    return list(_files(entries))


class _Entries:
    """A place in a shard."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self.place = _ENTRY

    def take(self) -> bytes:
        entry = self.sent[self.place : self.place + _ENTRY]
        if len(entry) < _ENTRY:
            raise InvalidSource("this Xet shard was cut: it ends before its bookend.")
        self.place += _ENTRY
        return entry

    def left(self) -> int:
        return (len(self.sent) - self.place) // _ENTRY


def _files(entries: _Entries) -> Iterator[SentFile]:
    while not (head := entries.take()).startswith(_BOOKEND):
        hash, flags, count = _FILE.unpack(head)
        has_proofs = bool(flags & _HAS_PROOFS)
        if count * (1 + has_proofs) > entries.left():
            raise InvalidSource(f"this Xet shard says {count} terms and is too short for them.")
        terms = [_TERM.unpack(entries.take()) for _ in range(count)]
        proofs = [entries.take()[:SIZE] if has_proofs else None for _ in range(count)]
        sha256 = Digest(hash_to_hex(entries.take()[:SIZE])) if flags & _HAS_SHA256 else None
        yield SentFile(hash, tuple(map(_term, terms, proofs)), sha256)


def _term(fields: tuple[bytes, int, int, int, int], proof: bytes | None) -> Term:
    xorb, _, size, first, end = fields
    if first >= end:
        raise InvalidSource(f"a term of this Xet shard goes from chunk {first} to {end}.")
    return Term(hash_to_hex(xorb), size, first, end, proof)
