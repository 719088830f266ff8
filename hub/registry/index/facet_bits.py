"""Superimpose the facet values of an artifact in one integer, which fits into the index of each sort order.

Each value sets one or two of the bits of its facet, as in a Bloom filter. An artifact that lacks a bit of a value does not have the
value, so a search passes it without looking its languages and bases up in their tables, or reading its row. One that has the bits may
owe them to other values, and is compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from hub.records import Artifact
from hub.registry.index.text import facet_words, facets_of

_PLACES = {"kind": (0, 8, 1), "method": (8, 12, 1), "license": (20, 8, 1), "base": (28, 15, 1), "language": (43, 20, 2)}
"""Facet → its first bit, the number of its bits, and how many of these a value sets: 63 in all, as databases store integers with a
sign in 64 bits. The name of the owner is a part of the key, which is in those indexes, too."""
_NOWHERE = (0, 1, 0)


def facet_bits(artifact: Artifact) -> int:
    """Return the bits of all facets of an artifact."""
    return bits_in(facet_words(facets_of(artifact)).split())


def bits_in(words: Iterable[str]) -> int:
    """Return the bits of index words, such as `_language:yo`; words of other facets have none."""
    bits = 0
    for word in words:
        first, size, number = _PLACES.get(word[1:].partition(":")[0], _NOWHERE)
        digest = crc32(word.encode())
        for _ in range(number):
            digest, place = divmod(digest, size)
            bits |= 1 << first + place
    return bits
