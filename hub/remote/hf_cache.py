"""Files in Hugging Face's cache, compared with the digests that they are named by.

huggingface_hub keeps a file's bytes as a blob that is called by its ETag, the SHA-256 of a large file and git's SHA-1 of a small one,
and links to it from the snapshot of a revision. What was flipped or cut since the download gives itself away by that name. A file
that is no link (a disk without links, a folder put there by hand) has no such name, and is judged by its header alone.

Hashing takes 0.7 seconds for each GB, so a blob that was found whole is remembered by size, time of change and inode, and hashed
again only when one of them differs: `Stamps`.
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

from hub.errors import Damaged
from hub.weights.memory import BIG_BYTES, gigabytes

logger = logging.getLogger(__name__)
STAMPS = "downloads.json"
"""In the folder of caches."""
INCOMPLETE = ".incomplete"
"""How huggingface_hub calls a blob that it has not the whole of."""
_NAMES = {40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-f]+")
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Fault:
    """A file of the cache whose bytes are not those that were downloaded."""

    path: Path
    """Of the link in the snapshot."""
    found: str
    """The digest of its bytes."""

    @property
    def blob(self) -> Path:
        """Where the bytes are; its name is what their digest should be."""
        return self.path.resolve()

    def __str__(self) -> str:
        kind = "SHA-256" if len(self.found) == 64 else "git digest"
        return f"`{self.path.name}` has the {kind} {self.found[:12]}…, and was downloaded with {self.blob.name[:12]}…"

    def remove(self) -> None:
        """Take link and blob away, so that the next download fetches the file again."""
        self.blob.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Stamps:
    """What blobs looked like when they were found whole, in a file that several processes may write: the last one wins."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / STAMPS
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        self._kept: dict[str, list[int]] = kept if isinstance(kept, dict) else {}

    def knows(self, blob: Path) -> bool:
        """Whether `blob` looks as it did when it was found whole."""
        return self._kept.get(str(blob)) == _look(blob)

    def remember(self, blobs: Iterable[Path]) -> None:
        """Keep how they look now. A folder that cannot be written costs the next check its time, nothing else."""
        added = {str(blob): _look(blob) for blob in blobs}
        if not added:
            return
        self._kept = {blob: look for blob, look in self._kept.items() if Path(blob).exists()} | added
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._file.parent, delete=False, encoding="utf-8") as unfinished:
                json.dump(self._kept, unfinished)
            Path(unfinished.name).replace(self._file)
        except OSError:
            return


def check(paths: Iterable[Path], stamps: Stamps, *, what: str) -> None:
    """Damaged, with the command that mends it, when a file of the cache holds other bytes than were downloaded."""
    for fault in faults(paths, stamps):
        raise Damaged(
            f"`{what}` is damaged in Hugging Face's cache: {fault}. `hub pull {what}` removes it and fetches it again."
        )


def faults(paths: Iterable[Path], stamps: Stamps, *, anew: bool = False) -> Iterator[Fault]:
    """Every file whose bytes are not those of its name; what `stamps` know is read again only `anew`. What is whole is remembered."""
    links = {path.resolve(): path for path in paths if path.is_symlink() and path.exists()}
    unknown = [blob for blob in links if _is_named(blob.name) and (anew or not stamps.knows(blob))]
    size_bytes = sum(blob.stat().st_size for blob in unknown)
    if size_bytes >= BIG_BYTES:  # seconds, which would look like a loader that hangs
        logger.warning("comparing %s in Hugging Face's cache with their digests, once.", gigabytes(size_bytes))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = dict(zip(unknown, pool.map(_digest, unknown), strict=True))
    stamps.remember(blob for blob, digest in digests.items() if digest == blob.name)
    yield from (Fault(links[blob], digest) for blob, digest in digests.items() if digest != blob.name)


def cached(repository: str, revision: str) -> list[Path]:
    """Files of a repository's revision that are in the cache; none when it is not."""
    root = _root(repository)
    ref = root / "refs" / revision
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision
    return sorted(path for path in (root / "snapshots" / commit).rglob("*") if not path.is_dir())


def unfinished(repository: str) -> list[Path]:
    """Downloads that were broken off: they go on where they stopped."""
    return sorted((_root(repository) / "blobs").glob(f"*{INCOMPLETE}"))


def _root(repository: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def _is_named(name: str) -> bool:
    return len(name) in _NAMES and _HEX.fullmatch(name) is not None


def _digest(blob: Path) -> str:
    """Of the kind that the blob is called by; git hashes the word `blob` and the size before the bytes."""
    hashed = hashlib.new(_NAMES[len(blob.name)], usedforsecurity=False)
    with blob.open("rb") as file:
        if hashed.name == "sha1":
            hashed.update(b"blob %d\0" % os.fstat(file.fileno()).st_size)
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed.hexdigest()


def _look(blob: Path) -> list[int]:
    try:
        status = blob.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ino]
