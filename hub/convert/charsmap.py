"""Build the character map of a SentencePiece normaliser, as `tokenizers` reads it in `tokenizer.json`.

The map is a double-array trie from UTF-8 bytes to replacements (Darts-clone's units, 32 bits each):

    bits 0–7    label: the byte that leads to this unit
    bit 8       whether a replacement ends here
    bits 10–30  offset of the children, relative to this unit
    bit 31      the unit is a leaf; its other bits are the place of the replacement in the text behind the trie
"""

from __future__ import annotations

import base64
import struct
import unicodedata
from collections.abc import Mapping
from functools import cache

_Node = dict[int, "_Node | int"]
_HAS_LEAF = 1 << 8
_IS_LEAF = 1 << 31
_MAX_BASE = 1 << 21
_SEARCHED = 64
"""How far below the last base the next search begins: gaps before it are left, otherwise building would take a minute."""
_END_OF_LETTERS = 0x40000
"""The first code behind the planes of letters; the others are unassigned, private or of formats."""
MAX_CLUSTER_BYTES = 5
"""`tokenizers` looks up a letter with its marks only up to this length, and longer ones character by character."""


def compositions(table: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs of a letter and a mark that Unicode composes to one character, such as e + U+0301 to é.

    Only pairs that `tokenizers` looks up whole, and whose letter `table` leaves unchanged.
    """
    replaced: dict[str, list[str]] = {}
    for each, kept in table.items():
        replaced.setdefault(kept, []).append(each)
    found = {}
    for letter, mark, composed in _pairs():
        if letter in table:
            continue
        for same in (mark, *replaced.get(mark, ())):  # U+0341 is an older U+0301
            if len((letter + same).encode()) <= MAX_CLUSTER_BYTES:
                found[letter + same] = composed
    return found


@cache
def _pairs() -> tuple[tuple[str, str, str], ...]:
    """Return each letter and mark that Unicode composes, and the result. Letters that have a decomposition are left out."""
    found = []
    for composed in map(chr, range(_END_OF_LETTERS)):
        parts = unicodedata.decomposition(composed).split()
        if len(parts) != 2 or parts[0].startswith("<"):
            continue
        letter, mark = (chr(int(part, 16)) for part in parts)
        if not unicodedata.decomposition(letter) and unicodedata.normalize("NFC", letter + mark) == composed:
            found.append((letter, mark, composed))
    return tuple(found)


def encode_charsmap(replacements: Mapping[str, str]) -> str:
    """Return the map as base64, the value of `precompiled_charsmap`. Keys are non-empty texts without NUL.

    Raises ValueError for more entries than the format can hold.
    """
    texts: dict[str, int] = {}
    text = bytearray()
    for value in sorted(set(replacements.values())):
        texts[value] = len(text)
        text += value.encode() + b"\0"
    trie = _double_array({key.encode(): texts[value] for key, value in replacements.items()})
    units = struct.pack(f"<{len(trie)}I", *trie)
    return base64.b64encode(struct.pack("<I", len(units)) + units + text).decode("ascii")


def _double_array(places: Mapping[bytes, int]) -> list[int]:
    """Return the units of a trie from keys to places. The children of a unit lie at its base, XOR their label."""
    root: _Node = {}
    for key, place in places.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})  # type: ignore[assignment]
        node[0] = place  # No key has a NUL, so label 0 is free for the leaf.
    units = [0] * 256
    used, bases = {0}, {0}  # A base has one unit alone: otherwise lookups would find the children of another.
    pending = [(0, root)]
    first = 1
    while pending:
        unit, node = pending.pop()
        base = first
        while base in bases or any((base ^ label) in used for label in node):
            base += 1
        if base >= _MAX_BASE:
            raise ValueError("the character map has too many entries")
        bases.add(base)
        first = max(first, base - _SEARCHED)
        units += [0] * ((base | 0xFF) + 1 - len(units))
        units[unit] |= (unit ^ base) << 10
        for label, child in sorted(node.items()):
            place_of_child = base ^ label
            used.add(place_of_child)
            if isinstance(child, int):
                units[unit] |= _HAS_LEAF
                units[place_of_child] = _IS_LEAF | child
            else:
                units[place_of_child] = label
                pending.append((place_of_child, child))
    return units
