"""A store in an S3-compatible bucket, which many machines can share.

Keys are the paths of a folder store below the prefix: `blobs/ab/abcdef…`, `refs/owner/name.json`, `quarantine/abcdef…`. Bytes
are first written to a temporary file, and uploaded once their digest is verified, large ones in parts. An object appears when its
last part has been uploaded. Parts of interrupted uploads stay hidden: configure the bucket to delete incomplete uploads after some
days.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from hub.errors import DamagedFile, InvalidRequest, MissingExtra, UnknownFile, Unreachable
from hub.names import ArtifactName, Digest
from hub.store.checked import CHUNK_BYTES, CheckedStore, Stored

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:
    raise MissingExtra("s3", "a store in a bucket") from error

PART_BYTES = 16 << 20
"""Size of the parts of larger files. S3 allows 10,000 parts, so files of up to 160 GB."""
FRESH_S = 43_200.0
"""A blob that is put again at this age is uploaded again, so that it is not garbage-collected before it is referenced."""
_BUFFER_BYTES = 4 << 20


class BucketStore(CheckedStore):
    """A BlobStore in a bucket. Any number of machines can use it at once. `AWS_…` variables configure the keys and the endpoint."""

    is_local = False

    def __init__(self, url: str) -> None:
        super().__init__()
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

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`."""
        for key in self._keys("blobs"):
            yield Digest(key.rpartition("/")[2])

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._delete(_key(digest))
        self._delete_aside(digest)

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
        if not self._keeps(digest, size):
            source.seek(0)
            with self._translate_errors():
                put = obstore.put(
                    self._store, _key(digest), cast("Any", source), chunk_size=PART_BYTES, max_concurrency=4
                )
            self._remember(digest, str(put["e_tag"]))
        return digest, size

    def _find(self, digest: Digest) -> Stored | None:
        try:
            with self._translate_errors(digest):
                found = obstore.head(self._store, _key(digest))
        except UnknownFile:
            return None
        age_s = (datetime.now(UTC) - found["last_modified"]).total_seconds()
        return Stored(int(found["size"]), age_s, str(found["e_tag"]))

    def _read_at_once(self, digest: Digest, size_bytes: int) -> bytes | None:
        try:
            with self._translate_errors(digest):
                found = obstore.get(self._store, _key(digest))
                return bytes(found.bytes()) if found.meta["size"] == size_bytes else None
        except UnknownFile:
            return None

    def _open(self, digest: Digest) -> BinaryIO:
        """Open a blob. Seeking sends no request until the next read."""
        with self._translate_errors(digest):
            return self._reader(_key(digest))

    _has_urls = True

    def _sign(self, digest: Digest, seconds: int) -> str:
        with self._translate_errors(digest):
            return obstore.sign(self._store, "GET", _key(digest), timedelta(seconds=seconds))

    def _touch(self, digest: Digest, found: Stored) -> str | None:  # noqa: ARG002 - the interface of all stores
        return found.stamp if found.age_s < FRESH_S else None  # Only an upload changes the age of an object.

    def _move_aside(self, digest: Digest, stamp: str) -> None:
        found = self._find(digest)
        if found is None or found.stamp != stamp:  # Put again since it was read.
            return
        with self._translate_errors(digest), self._open(digest) as opened, tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(opened, copy, CHUNK_BYTES)  # A bucket copies at most 5 GB by itself.
            copy.seek(0)
            obstore.put(self._store, _aside(digest), cast("Any", copy), chunk_size=PART_BYTES)
        self._delete(_key(digest))

    def _is_aside(self, digest: Digest) -> bool:
        with self._translate_errors(digest):
            try:
                obstore.head(self._store, _aside(digest))
            except FileNotFoundError:
                return False
        return True

    def _set_aside(self) -> Iterator[Digest]:
        for key in self._keys("quarantine"):
            yield Digest(key.rpartition("/")[2])

    def _open_aside(self, digest: Digest) -> BinaryIO:
        with self._translate_errors(digest):
            return self._reader(_aside(digest))

    def _delete_aside(self, digest: Digest) -> None:
        self._delete(_aside(digest))

    def _reader(self, key: str) -> BinaryIO:
        reader = obstore.open_reader(self._store, key, buffer_size=_BUFFER_BYTES)
        return cast("BinaryIO", io.BufferedReader(_Reader(reader, self.address), CHUNK_BYTES))

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


def _aside(digest: Digest) -> str:
    return f"quarantine/{digest.hex}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]
