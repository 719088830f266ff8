"""Recognise the kind of a file by its bytes: safetensors, or something that can run code.

A safetensors file begins with the length of its header, whose first bytes can be those of a pickle: 640 is `80 02`. So its structure
decides: a header that is JSON and accounts for every byte cannot be a pickle, whatever its length.
"""

from __future__ import annotations

from functools import cache
from typing import BinaryIO

from hub.weights.header import weights_problem

SAFETENSORS, PICKLE, ARCHIVE, PROGRAM = "safetensors", "pickle", "archive", "program"
START_BYTES = 512
"""Number of bytes that are read to recognise a file."""
_ARCHIVES = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!",
    b"\x04\x22\x4d\x18",
)  # fmt: skip
_PROGRAMS = (
    b"\x7fELF", b"\0asm", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
)  # fmt: skip
_PROTOCOLS = range(2, 6)
"""Pickles of older protocols have no distinctive mark."""


def file_kind(opened: BinaryIO, size_bytes: int) -> str:
    """Return the kind of a file, from its first bytes: `safetensors`, `pickle`, `archive`, `program`, or empty for anything else.

    A file is safetensors if all of it is, so nothing else can pass for one. `opened` is left at its start.
    """
    start = opened.read(START_BYTES)
    opened.seek(0)
    if start[8:9] == b"{":
        problem = weights_problem(opened, size_bytes)
        opened.seek(0)
        if problem is None:
            return SAFETENSORS
    return kind_of_start(start)


def kind_of_start(start: bytes) -> str:
    """Return the kind of a file that is not safetensors, from its first bytes: `pickle`, `archive`, `program`, or empty."""
    if start[:1] == b"\x80" and start[1:2] and start[1] in _PROTOCOLS and (not start[2:] or start[2] in _opcodes()):
        return PICKLE
    if start.startswith(_ARCHIVES) or start[257:262] == b"ustar":
        return ARCHIVE
    is_windows = start.startswith(b"MZ") and b"\0" in start
    return PROGRAM if start.startswith(_PROGRAMS) or is_windows else ""


@cache
def _opcodes() -> frozenset[int]:
    """Return the bytes that can follow the protocol of a pickle. They do not include NUL, as in the length of a header."""
    from pickletools import opcodes

    return frozenset(ord(each.code) for each in opcodes)
