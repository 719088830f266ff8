"""Git object ids, which the protocol asks of every tree entry.

Every file counts as stored by Git LFS: git sees its pointer, and clients verify bytes by the SHA-256 in it.
Source: git-lfs specification, "The Pointer"; Pro Git, §10.2 "Git Objects".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hub.records import File


def pointer(file: File) -> bytes:
    """The text that stands in git for a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.digest}\nsize {file.size_bytes}\n".encode()


def blob_id(content: bytes) -> str:
    """Id of a git blob: 40 hex digits."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def tree_id(files: Mapping[str, str], folders: Mapping[str, str]) -> str:
    """Id of a git tree from the ids of its direct files and folders, by name."""
    entries = [(name, b"100644", oid) for name, oid in files.items()]
    entries += [(f"{name}/", b"40000", oid) for name, oid in folders.items()]  # Git sorts folders as `name/`.
    content = b"".join(
        b"%s %s\0" % (mode, name.rstrip("/").encode()) + bytes.fromhex(oid)
        for name, mode, oid in sorted(entries, key=lambda entry: entry[0].encode())
    )
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
