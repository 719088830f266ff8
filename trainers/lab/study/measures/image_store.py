"""The judge's features of generated images, shared by all cells and processes of a work folder.

An image depends on the text that is read, the module that reads it, the concept and seed of its noise, and the sampler. So a prompt
that is read as its English meaning is generated once for all subjects and languages.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_AT_ONCE = 500


class ImageStore:
    """Features by key, in one SQLite file. Several processes may read and write it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=120)
        with self._database:
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS images (key BLOB PRIMARY KEY, features BLOB) WITHOUT ROWID"
            )

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Tensor]:
        """Return the features (D,) of those keys that are known."""
        found: dict[bytes, Tensor] = {}
        for first in range(0, len(keys), _AT_ONCE):
            some = keys[first : first + _AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._database.execute(f"SELECT key, features FROM images WHERE key IN ({marks})", some)  # noqa: S608 - marks alone
            for key, features in rows:
                found[key] = torch.from_numpy(np.frombuffer(features, dtype=np.float16).astype(np.float32))
        return found

    def add(self, features: Mapping[bytes, Tensor]) -> None:
        """Store the features (D,) of new images, in half precision."""
        rows = [(key, each_D.numpy().astype(np.float16).tobytes()) for key, each_D in features.items()]
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO images VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def image_key(reader: str, text: str, concept: str, seed: int, steps: int) -> bytes:
    """Return the key of an image: 16 bytes of a digest of everything it depends on."""
    return hashlib.sha256("\x00".join((reader, text, concept, str(seed), str(steps))).encode()).digest()[:16]
