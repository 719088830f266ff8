"""Compute the digest that identifies a folder of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hub.names import Digest
from hub.records import File


def digest_of(folder: Path) -> str:
    """Return `weights_digest` of the files below `folder`. Reads all of them."""
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".safetensors", ".json", ".txt", ".model"}:
            with path.open("rb") as file:
                digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            files.append(File(path.relative_to(folder).as_posix(), digest, path.stat().st_size))
    return weights_digest(files)


def weights_digest(files: Iterable[File]) -> str:
    """Return the SHA-256 of the `<digest> <path>` lines of all weights and tokenizers, sorted by path; empty without any.

    Cards, images and configuration may change without breaking modules; weights and vocabularies may not.
    """
    kept = sorted(
        (file.path, file.digest.hex)
        for file in files
        if file.path.endswith(
            (".safetensors", "tokenizer.json", "vocab.json", "merges.txt", "spiece.model", ".bpe.model")
        )
    )
    return hashlib.sha256("".join(f"{digest} {path}\n" for path, digest in kept).encode()).hexdigest() if kept else ""
