"""Blobs in an S3-compatible bucket, for stores that many machines share.

Keys are the paths of a folder store below the prefix: `blobs/ab/abcdef…`, `refs/owner/name.json`. Bytes are written to
a file of this machine first, where their digest is computed; only what is what it says is sent, in parts when it is
large, and a bucket shows an object when its last part has arrived and not before. Parts of a sender that was killed stay
hidden: let the bucket's own rules remove incomplete uploads after some days.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from hub.errors import DamagedFile, InvalidRequest, MissingExtra, UnknownFile, Unreachable
from hub.names import ArtifactName, Digest

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:
    raise MissingExtra("s3", "a store in a bucket") from error

CHUNK_BYTES = 1 << 20
PART_BYTES = 16 << 20
"""Larger files are sent in parts of this size; S3 takes 10,000 of them, so 160 GB a file."""
FRESH_S = 43_200.0
"""A blob that is put again when it is older than this is sent again, so that nobody collects it before it is named."""
_BUFFER_BYTES = 4 << 20


class BucketStore:
    """A BlobStore in a bucket. Any number of machines may use it at once. Keys and endpoint come from `AWS_…` variables."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.netloc or parts.query or parts.username:
            raise InvalidRequest(f"{url} is no bucket: write s3://BUCKET/PREFIX, and keys into AWS_… variables.")
        self.address = f"s3://{parts.netloc}{parts.path.rstrip('/')}"
        self._store = S3Store(parts.netloc, prefix=parts.path.strip("/") or None)

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """Keep bytes; DamagedFile when they are not `expected`."""
        stream, hashed = io.BytesIO(source) if isinstance(source, bytes) else source, hashlib.sha256()
        with tempfile.TemporaryFile() as spooled:
            try:
                while chunk := stream.read(CHUNK_BYTES):
                    hashed.update(chunk)
                    spooled.write(chunk)
            except OSError as error:
                raise Unreachable(f"cannot receive bytes for {self.address}: {error}. Nothing was kept.") from error
            return self._send(spooled, Digest(hashed.hexdigest()), expected)

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """Keep a copy of a file."""
        try:
            with path.open("rb") as source:
                digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
                return self._send(source, digest, expected)
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}.") from error

    def refresh(self, digest: Digest) -> bool:
        """Whether the blob is here and young enough to count as just put."""
        return self._is_fresh(digest)

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes, from their beginning; UnknownFile when absent. Seeking costs nothing until the next read."""
        with self._translated(digest):
            found = obstore.open_reader(self._store, _key(digest), buffer_size=_BUFFER_BYTES)
        return cast("BinaryIO", io.BufferedReader(_Reader(found, self.address), CHUNK_BYTES))

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's signature
        """None: there are no files here."""
        return None

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:
        """A signed address of the blob."""
        with self._translated(digest):
            return obstore.sign(self._store, "GET", _key(digest), timedelta(seconds=seconds))

    def age_s(self, digest: Digest) -> float:
        """Seconds since the bytes were last sent; UnknownFile when absent."""
        found: datetime = self._head(digest)["last_modified"]
        return (datetime.now(UTC) - found).total_seconds()

    def size(self, digest: Digest) -> int:
        """Size in bytes; UnknownFile when absent."""
        return int(self._head(digest)["size"])

    def __contains__(self, digest: Digest) -> bool:
        try:
            self._head(digest)
        except UnknownFile:
            return False
        return True

    def digests(self) -> Iterator[Digest]:
        """All blobs."""
        for key in self._keys("blobs"):
            yield Digest(key.rpartition("/")[2])

    def delete(self, digest: Digest) -> None:
        """Forget a blob."""
        self._delete(_key(digest))

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """Forget a blob that nobody has put for so many seconds. A put between the look and the removal, milliseconds, is lost."""
        try:
            if self.age_s(digest) < seconds:
                return False
        except UnknownFile:
            return False
        self.delete(digest)
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """Keep an artifact's reference in place of its former one."""
        with self._translated():
            obstore.put(self._store, f"refs/{name}.json", content, use_multipart=False)

    def references(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of every reference, sorted."""
        for key in sorted(self._keys("refs")):
            with self._translated():
                content = bytes(obstore.get(self._store, key).bytes())
            yield key.removeprefix("refs/").removesuffix(".json"), content

    def delete_reference(self, name: ArtifactName) -> None:
        """Forget a reference."""
        self._delete(f"refs/{name}.json")

    def room(self) -> int | None:
        """None: a bucket grows."""
        return None

    def unfinished(self) -> list[str]:
        """None that can be seen: a bucket hides what has not arrived whole."""
        return []

    def sweep(self) -> list[str]:
        """Nothing: the bucket's own rules remove incomplete uploads."""
        return []

    def _send(self, source: BinaryIO, digest: Digest, expected: Digest | None) -> tuple[Digest, int]:
        """Send a file that has been read to its end, whose digest is known."""
        size = source.tell()
        if expected is not None and digest != expected:
            raise DamagedFile(f"the bytes of `{expected}` arrived as `{digest}` ({size} bytes): send them again.")
        if not self._is_fresh(digest):
            source.seek(0)
            with self._translated():
                obstore.put(self._store, _key(digest), cast("Any", source), chunk_size=PART_BYTES, max_concurrency=4)
        return digest, size

    def _is_fresh(self, digest: Digest) -> bool:
        try:
            return self.age_s(digest) < FRESH_S
        except UnknownFile:
            return False

    def _head(self, digest: Digest) -> Any:
        with self._translated(digest):
            return obstore.head(self._store, _key(digest))

    def _keys(self, folder: str) -> Iterator[str]:
        with self._translated():
            for batch in obstore.list(self._store, prefix=folder):
                yield from (each["path"] for each in batch)

    def _delete(self, key: str) -> None:
        with self._translated():
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    @contextmanager
    def _translated(self, digest: Digest | None = None) -> Iterator[None]:
        """The bucket's complaints in our words."""
        try:
            yield
        except FileNotFoundError as error:
            if digest is None:
                raise Unreachable(f"{self.address} is not there: {_first_line(error)}.") from error
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except (BaseError, OSError) as error:
            raise Unreachable(
                f"{self.address} does not answer: {_first_line(error)}. Look at STORE_URL and AWS_…."
            ) from error


class _Reader(io.RawIOBase):
    """obstore's reader as Python's own files are."""

    def __init__(self, found: Any, address: str) -> None:
        self._found = found
        self._address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._found.read(len(buffer))
        except (BaseError, OSError) as error:
            raise Unreachable(f"{self._address} stopped answering: {_first_line(error)}. Try again.") from error
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._found.seek(offset, whence))

    def tell(self) -> int:
        return int(self._found.tell())


def _key(digest: Digest) -> str:
    return f"blobs/{digest.hex[:2]}/{digest.hex}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]
