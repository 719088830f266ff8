"""Verify files in Hugging Face's cache against the digests in their names.

huggingface_hub names a blob after its ETag, the SHA-256 of a large file and git's SHA-1 of a small one, and links to it from the
snapshot of a revision. A blob that was corrupted since the download no longer matches its name. A file that is not a link (a disk
without links, a folder made by hand) has no digest, and only its header is checked.

Hashing takes 0.7 seconds per GB. So `Stamps` remembers size, modification time and inode of a valid blob, which is hashed again only
if one of them changes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hub.errors import DamagedFile
from hub.weights.sizes import BIG_BYTES, gigabytes

logger = logging.getLogger(__name__)
STAMPS = "downloads.json"
"""Name of the file in the folder of caches."""
INCOMPLETE = ".incomplete"
"""huggingface_hub's suffix of a partial download."""
_NAMES = {40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-f]+")
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Fault:
    """A corrupted file in the cache."""

    path: Path
    """Path of the link in the snapshot."""
    found: str
    """The actual digest."""

    @property
    def blob(self) -> Path:
        """Path of the blob, whose name is the expected digest."""
        return self.path.resolve()

    def __str__(self) -> str:
        kind = "SHA-256" if len(self.found) == 64 else "git digest"
        return f"`{self.path.name}` has the {kind} {self.found[:12]}… instead of {self.blob.name[:12]}…"

    def remove(self) -> None:
        """Delete link and blob, so that the next download fetches the file again."""
        self.blob.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Stamps:
    """Size, modification time and inode of valid blobs, saved in a file. Of several writers the last one wins."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / STAMPS
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        self._kept: dict[str, list[int]] = kept if isinstance(kept, dict) else {}

    def knows(self, blob: Path) -> bool:
        """Return whether `blob` was verified and is unchanged since."""
        return self._kept.get(str(blob)) == _state(blob)

    def remember(self, blobs: Iterable[Path]) -> None:
        """Save the state of valid blobs. If the folder is not writable, they are hashed again next time."""
        added = {str(blob): _state(blob) for blob in blobs}
        if not added:
            return
        self._kept = {blob: state for blob, state in self._kept.items() if Path(blob).exists()} | added
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._file.parent, delete=False, encoding="utf-8") as unfinished:
                json.dump(self._kept, unfinished)
            Path(unfinished.name).replace(self._file)
        except OSError:
            return


def check(paths: Iterable[Path], stamps: Stamps, *, what: str) -> None:
    """Check cached files. Raises DamagedFile, with the command that fixes it, for a corrupted one."""
    for fault in faults(paths, stamps):
        raise DamagedFile(
            f"`{what}` is damaged in Hugging Face's cache: {fault}. `hub pull {what}` removes it and fetches it again."
        )


def faults(paths: Iterable[Path], stamps: Stamps, *, rehash: bool = False) -> Iterator[Fault]:
    """Yield corrupted files, and remember valid ones. Files known to `stamps` are hashed again only with `rehash`."""
    links = {path.resolve(): path for path in paths if path.is_symlink() and path.exists()}
    unknown = [blob for blob in links if _is_named(blob.name) and (rehash or not stamps.knows(blob))]
    size_bytes = sum(blob.stat().st_size for blob in unknown)
    if size_bytes >= BIG_BYTES:  # This takes seconds, in which the loader would seem to hang.
        logger.warning("verifying %s in Hugging Face's cache. This is done once.", gigabytes(size_bytes))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = dict(zip(unknown, pool.map(_digest, unknown), strict=True))
    stamps.remember(blob for blob, digest in digests.items() if digest == blob.name)
    yield from (Fault(links[blob], digest) for blob, digest in digests.items() if digest != blob.name)


def cached(repository: str, revision: str) -> list[Path]:
    """Return the cached files of a repository's revision."""
    root = _root(repository)
    ref = root / "refs" / revision
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision
    return sorted(path for path in (root / "snapshots" / commit).rglob("*") if not path.is_dir())


def unfinished(repository: str) -> list[Path]:
    """Return interrupted downloads, which can be resumed."""
    return sorted((_root(repository) / "blobs").glob(f"*{INCOMPLETE}"))


def _root(repository: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def _is_named(name: str) -> bool:
    return len(name) in _NAMES and _HEX.fullmatch(name) is not None


def _digest(blob: Path) -> str:
    """Return the digest that the blob is named after. Git hashes the word `blob` and the size before the contents."""
    hashed = hashlib.new(_NAMES[len(blob.name)], usedforsecurity=False)
    with blob.open("rb") as file:
        if hashed.name == "sha1":
            hashed.update(b"blob %d\0" % os.fstat(file.fileno()).st_size)
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed.hexdigest()


def _state(blob: Path) -> list[int]:
    try:
        status = blob.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ino]
