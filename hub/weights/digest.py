"""Compute the digest that identifies a folder of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hub.names import Digest
from hub.records import File, weights_digest


def digest_of(folder: Path) -> str:
    """Return `weights_digest` of the files below `folder`. Reads all of them."""
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".safetensors", ".json", ".txt", ".model"}:
            with path.open("rb") as file:
                digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            files.append(File(path.relative_to(folder).as_posix(), digest, path.stat().st_size))
    return weights_digest(files)
