"""Generate contents that a registry accepts: text, weights, and bytes that are new to the server."""

from __future__ import annotations

import json
import os
import struct

TEXT = "Ẹ káàárọ̀\n".encode()
CARD = b"---\nlicense: mit\nlanguage: yo\npipeline_tag: text-to-image\ntags: [journey]\n---\n\n# A card\n"


def noise(size: int) -> bytes:
    return os.urandom(size)


def large(size: int) -> bytes:
    """Return new bytes cheaply: only the beginning is noise."""
    return os.urandom(64) + bytes(size - 64)


def weights(count: int) -> bytes:
    """Return a safetensors file with `count` random values."""
    header = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header + os.urandom(4 * count)


SHARED = {"README.md": CARD, "a.txt": TEXT, "b/c.txt": TEXT, "model.safetensors": weights(2000)}
"""Files of `Run.shared`."""
