"""The hub that a mirror asks: descriptions, refs and bytes over HTTP, nothing of them believed before it is checked.

The token goes to the upstream's own address and to no other, and into no message and no log.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urljoin

from hub.errors import (
    Forbidden,
    Gated,
    HubError,
    UnknownArtifact,
    UnknownFile,
    UnknownRevision,
    UpstreamDown,
    UpstreamSlow,
    UpstreamWrong,
    WrongName,
    WrongRequest,
)  # fmt: skip
from hub.names import check_path
from server.parts.mirror.copies import MirroredCommit, MirroredFile, MirroredRepository
from server.parts.mirror.reach import addresses_of, origin

if TYPE_CHECKING:
    import httpx2 as httpx

CONNECT_S, READ_S, FILE_READ_S = 5.0, 10.0, 30.0
"""Patience for a connection, for the next bytes of an answer, and for those of a file."""
LARGEST_ANSWER = 64 << 20
"""Bytes of a description: a hundred thousand files are about 20 MB."""
CHUNK_BYTES = 1 << 20
_MOST_REDIRECTS = 5
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_PASSED_ON = (
    "author", "cardData", "config", "createdAt", "description", "disabled", "downloads", "downloadsAllTime", "gated", "gguf", "id", "_id",
    "lastModified", "library_name", "likes", "mask_token", "model-index", "modelId", "pipeline_tag", "private", "safetensors", "tags",
    "transformersInfo", "trendingScore",
)  # fmt: skip
"""What is passed on of a description. Everything else, Xet's addresses among it, belongs to that server."""


def upstream_from_environment() -> Upstream | None:
    """The hub at `$HUB_MIRROR`, with the token of `$HUB_MIRROR_TOKEN`; None where none is set. Raises WrongRequest."""
    address = os.environ.get("HUB_MIRROR", "")
    return Upstream(address, os.environ.get("HUB_MIRROR_TOKEN") or None) if address else None


class Upstream:
    """One hub, by its address."""

    def __init__(self, address: str, token: str | None = None) -> None:
        try:
            _, host, _ = origin(address)
        except UpstreamWrong as error:
            raise WrongRequest(
                f"`--mirror {address}` is no address of a hub: give one like https://huggingface.co."
            ) from error
        if "@" in address or "?" in address:
            raise WrongRequest(
                f"`--mirror` takes the address of a hub, https://{host}, without name, password or query."
            )
        self.address = address.rstrip("/")
        self._token = token

    def close(self) -> None:
        """Give back the connections, if there are any."""
        if "_client" in self.__dict__:
            self._client.close()

    def describe(self, repo: MirroredRepository, revision: str) -> MirroredCommit:
        """A commit with its files. Raises Unknown…, Gated, Forbidden, UpstreamDown."""
        path = f"/api/{repo.collection}/{repo.name}/revision/{quote(revision, safe='')}?blobs=true"
        answer = self._json(path, repo, revision)
        commit_id = answer.get("sha")
        if not isinstance(commit_id, str) or _COMMIT.fullmatch(commit_id) is None:
            raise UpstreamWrong(f"{self.address} names no commit of `{repo}`: it is not kept here.")
        if _COMMIT.fullmatch(revision) and commit_id != revision:
            raise UpstreamWrong(f"{self.address} was asked for `{repo}` at {revision[:12]} and gave {commit_id[:12]}.")
        try:
            files = tuple(_file(each) for each in answer["siblings"])
        except (LookupError, TypeError, ValueError, WrongName) as error:
            why = str(error) if isinstance(error, WrongName) else "sizes and ids of its files are missing or wrong"
            raise UpstreamWrong(f"{self.address} describes `{repo}` in a way that cannot be kept: {why}") from error
        description = {key: answer[key] for key in _PASSED_ON if key in answer}
        ordered = tuple(sorted(files, key=lambda each: each.path))
        return MirroredCommit(
            commit_id=commit_id, description=description, files=ordered, fetched_at=datetime.now(UTC)
        )  # fmt: skip

    def refs(self, repo: MirroredRepository) -> dict[str, dict[str, str]]:
        """`branches` and `tags`: name → commit id."""
        answer = self._json(f"/api/{repo.collection}/{repo.name}/refs", repo, "main")
        try:
            return {
                kind: {str(each["name"]): str(each["targetCommit"]) for each in answer.get(kind, [])}
                for kind in ("branches", "tags")
            }
        except (LookupError, TypeError, AttributeError) as error:
            raise UpstreamWrong(
                f"{self.address} lists the branches of `{repo}` in a way that cannot be read."
            ) from error

    @contextmanager
    def open(self, repo: MirroredRepository, commit_id: str, file: MirroredFile) -> Iterator[Iterator[bytes]]:
        """The bytes of a file as they come, unchecked. Raises as `describe`."""
        prefix = "" if repo.collection == "models" else f"/{repo.collection}"
        path = f"{prefix}/{repo.name}/resolve/{commit_id}/{quote(file.path)}"
        with self._answer(path, FILE_READ_S) as answer:
            self._check_status(answer, repo, commit_id, file.path)
            with self._translated_errors():
                yield self._chunks(answer)

    def _chunks(self, answer: httpx.Response) -> Iterator[bytes]:
        with self._translated_errors():
            yield from answer.iter_raw(CHUNK_BYTES)

    def _json(self, path: str, repo: MirroredRepository, revision: str) -> Mapping[str, Any]:
        with self._answer(path, READ_S) as answer, self._translated_errors():
            self._check_status(answer, repo, revision, "")
            body = bytearray()
            for part in answer.iter_bytes(CHUNK_BYTES):
                body += part
                if len(body) > LARGEST_ANSWER:
                    raise UpstreamWrong(f"{self.address} describes `{repo}` in more than {LARGEST_ANSWER} bytes.")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UpstreamWrong(f"{self.address} answers about `{repo}` in something that is no JSON.") from error
        if not isinstance(found, dict):
            raise UpstreamWrong(f"{self.address} answers about `{repo}` in something that is no object.")
        return found

    @contextmanager
    def _answer(self, path: str, pause_s: float) -> Iterator[httpx.Response]:
        """The answer to GET, redirects followed as far as `addresses_of` allows."""
        address = self.address + path
        for _ in range(_MOST_REDIRECTS):
            places = addresses_of(address, self.address)
            headers = {"Accept-Encoding": "identity", "User-Agent": "linguahub-mirror"}
            if self._token and origin(address) == origin(self.address):
                headers["Authorization"] = f"Bearer {self._token}"
            with self._translated_errors():
                answer = self._get(address, places, headers, pause_s)
            try:
                if answer.status_code not in {301, 302, 303, 307, 308}:
                    yield answer
                    return
                address = urljoin(address, answer.headers.get("location", ""))
            finally:
                answer.close()
        raise UpstreamWrong(f"{self.address} leads from one address to the next without an end.")

    def _get(self, address: str, places: list[str], headers: dict[str, str], pause_s: float) -> httpx.Response:
        """The answer from one of these places: the name may mean another one by now. A proxy looks for itself."""
        httpx = _httpx()
        timeout = httpx.Timeout(pause_s, connect=CONNECT_S)
        if not places or urllib.request.getproxies():
            request = self._client.build_request("GET", address, headers=headers, timeout=timeout)
            return self._client.send(request, stream=True)
        named = httpx.URL(address)
        # Closed after it, for the pool would take it for a connection to another host at the same place.
        headers |= {"Host": named.netloc.decode(), "Connection": "close"}
        for place in places:
            request = self._client.build_request(
                "GET", named.copy_with(host=place), headers=headers, timeout=timeout, extensions={"sni_hostname": named.raw_host.decode()}
            )  # fmt: skip
            try:
                return self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    def _check_status(self, answer: httpx.Response, repo: MirroredRepository, revision: str, path: str) -> None:
        """Pass on what the upstream refuses, as what it is."""
        status, code = answer.status_code, answer.headers.get("x-error-code", "")
        if status == HTTPStatus.OK:
            return
        listing = f"{self.address}/{repo}"
        if code == "GatedRepo":
            raise Gated(f"access to `{repo}` is restricted at {self.address}, which this server mirrors: ask there.")
        refused: dict[str, HubError] = {
            "RevisionNotFound": UnknownRevision(revision, listing=listing),
            "EntryNotFound": UnknownFile(path, listing=listing),
        }
        if code in refused:
            raise refused[code]
        if status in {401, 404} or code == "RepoNotFound":
            raise UnknownArtifact(str(repo))
        if status == HTTPStatus.FORBIDDEN:
            raise Forbidden(f"{self.address}, which this server mirrors, refuses `{repo}`.")
        raise UpstreamDown(f"{self.address} answers {status} about `{repo}`, which is not here yet: try again later.")

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """What goes wrong on the way becomes one line."""
        httpx = _httpx()
        try:
            yield
        except httpx.TimeoutException as error:
            raise UpstreamSlow(f"{self.address} does not answer in time: try again later.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UpstreamDown(f"{self.address} cannot be reached, or broke off: try again later.") from error

    @cached_property
    def _client(self) -> httpx.Client:
        return cast("httpx.Client", _httpx().Client(follow_redirects=False, timeout=READ_S))


def _httpx() -> Any:
    """Imported when a mirror first asks: a server that mirrors nothing starts without it."""
    return import_module("httpx2")


def _file(sibling: Mapping[str, Any]) -> MirroredFile:
    path, blob_id, size, lfs = sibling["rfilename"], sibling["blobId"], sibling["size"], sibling.get("lfs")
    check_path(path)
    etag = lfs["sha256"] if lfs else blob_id
    if lfs and (lfs["size"] != size or _SHA256.fullmatch(etag) is None):
        raise ValueError(path)
    if _COMMIT.fullmatch(blob_id) is None or not isinstance(size, int) or size < 0:
        raise ValueError(path)
    return MirroredFile(path=path, size_bytes=size, blob_id=blob_id, etag=etag)
