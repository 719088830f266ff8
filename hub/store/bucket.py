"""A store in an S3-compatible bucket, which many machines can share.

Keys are the paths of a folder store below the prefix: `blobs/ab/abcdef…`, `refs/owner/name.json`. Bytes are first written to a
temporary file, and uploaded once their digest is verified, large ones in parts. An object appears when its last part has been
uploaded. Parts of interrupted uploads stay hidden: configure the bucket to delete incomplete uploads after some days.
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
"""Size of the parts of larger files. S3 allows 10,000 parts, so files of up to 160 GB."""
FRESH_S = 43_200.0
"""A blob that is put again at this age is uploaded again, so that it is not garbage-collected before it is referenced."""
_BUFFER_BYTES = 4 << 20


class BucketStore:
    """A BlobStore in a bucket. Any number of machines may use it at once. `AWS_…` variables give the keys and the endpoint."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.netloc or parts.query or parts.username:
            raise InvalidRequest(f"{url} is not a bucket: use s3://BUCKET/PREFIX, and AWS_… variables for the keys.")
        self.address = f"s3://{parts.netloc}{parts.path.rstrip('/')}"
        self._store = S3Store(parts.netloc, prefix=parts.path.strip("/") or None)

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        stream, hashed = io.BytesIO(source) if isinstance(source, bytes) else source, hashlib.sha256()
        with tempfile.TemporaryFile() as spooled:
            try:
                while chunk := stream.read(CHUNK_BYTES):
                    hashed.update(chunk)
                    spooled.write(chunk)
            except OSError as error:
                raise Unreachable(f"cannot receive bytes for {self.address}: {error}. Nothing was stored.") from error
            return self._upload(spooled, Digest(hashed.hexdigest()), expected)

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put_file`."""
        try:
            with path.open("rb") as source:
                digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
                return self._upload(source, digest, expected)
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}.") from error

    def refresh(self, digest: Digest) -> bool:
        """Return whether the blob exists and is younger than FRESH_S."""
        return self._is_fresh(digest)

    def open(self, digest: Digest) -> BinaryIO:
        """See `BlobStore.open`. Seeking sends no request until the next read."""
        with self._translate_errors(digest):
            reader = obstore.open_reader(self._store, _key(digest), buffer_size=_BUFFER_BYTES)
        return cast("BinaryIO", io.BufferedReader(_Reader(reader, self.address), CHUNK_BYTES))

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's signature
        """Return None: there are no local files."""
        return None

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:
        """Return a presigned URL of the blob."""
        with self._translate_errors(digest):
            return obstore.sign(self._store, "GET", _key(digest), timedelta(seconds=seconds))

    def age_s(self, digest: Digest) -> float:
        """See `BlobStore.age_s`."""
        found: datetime = self._head(digest)["last_modified"]
        return (datetime.now(UTC) - found).total_seconds()

    def size(self, digest: Digest) -> int:
        """See `BlobStore.size`."""
        return int(self._head(digest)["size"])

    def __contains__(self, digest: Digest) -> bool:
        try:
            self._head(digest)
        except UnknownFile:
            return False
        return True

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`."""
        for key in self._keys("blobs"):
            yield Digest(key.rpartition("/")[2])

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._delete(_key(digest))

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """See `BlobStore.delete_unused`. A put in the milliseconds between check and deletion is lost."""
        try:
            if self.age_s(digest) < seconds:
                return False
        except UnknownFile:
            return False
        self.delete(digest)
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """See `BlobStore.write_reference`."""
        with self._translate_errors():
            obstore.put(self._store, f"refs/{name}.json", content, use_multipart=False)

    def references(self) -> Iterator[tuple[str, bytes]]:
        """See `BlobStore.references`."""
        for key in sorted(self._keys("refs")):
            with self._translate_errors():
                content = bytes(obstore.get(self._store, key).bytes())
            yield key.removeprefix("refs/").removesuffix(".json"), content

    def delete_reference(self, name: ArtifactName) -> None:
        """See `BlobStore.delete_reference`."""
        self._delete(f"refs/{name}.json")

    def free_bytes(self) -> int | None:
        """Return None: a bucket has no limit."""
        return None

    def unfinished(self) -> list[str]:
        """Return an empty list: incomplete uploads are not visible."""
        return []

    def sweep(self) -> list[str]:
        """Return an empty list: the bucket deletes incomplete uploads."""
        return []

    def _upload(self, source: BinaryIO, digest: Digest, expected: Digest | None) -> tuple[Digest, int]:
        """Upload a file that is positioned at its end. Raises DamagedFile if its digest is not `expected`."""
        size = source.tell()
        if expected is not None and digest != expected:
            raise DamagedFile(f"the bytes of `{expected}` arrived as `{digest}` ({size} bytes): send them again.")
        if not self._is_fresh(digest):
            source.seek(0)
            with self._translate_errors():
                obstore.put(self._store, _key(digest), cast("Any", source), chunk_size=PART_BYTES, max_concurrency=4)
        return digest, size

    def _is_fresh(self, digest: Digest) -> bool:
        try:
            return self.age_s(digest) < FRESH_S
        except UnknownFile:
            return False

    def _head(self, digest: Digest) -> Any:
        with self._translate_errors(digest):
            return obstore.head(self._store, _key(digest))

    def _keys(self, folder: str) -> Iterator[str]:
        with self._translate_errors():
            for batch in obstore.list(self._store, prefix=folder):
                yield from (each["path"] for each in batch)

    def _delete(self, key: str) -> None:
        with self._translate_errors():
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    @contextmanager
    def _translate_errors(self, digest: Digest | None = None) -> Iterator[None]:
        """Convert errors of the bucket to project errors."""
        try:
            yield
        except FileNotFoundError as error:
            if digest is None:
                raise Unreachable(f"{self.address} does not exist: {_first_line(error)}. Check STORE_URL.") from error
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except (BaseError, OSError) as error:
            raise Unreachable(
                f"{self.address} does not respond: {_first_line(error)}. Check STORE_URL and the AWS_… variables."
            ) from error


class _Reader(io.RawIOBase):
    """An obstore reader as a Python file."""

    def __init__(self, reader: Any, address: str) -> None:
        self._reader = reader
        self._address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._reader.read(len(buffer))
        except (BaseError, OSError) as error:
            raise Unreachable(f"{self._address} stopped responding: {_first_line(error)}. Try again.") from error
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())


def _key(digest: Digest) -> str:
    return f"blobs/{digest.hex[:2]}/{digest.hex}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]
