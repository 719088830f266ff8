"""HTTP client for the mirrored hub: descriptions, refs and content of files. All responses are validated.

The token is only sent to the origin of the upstream, and never appears in messages or logs.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin

import httpx2 as httpx

from hub.errors import (
    Forbidden,
    Gated,
    InvalidName,
    InvalidRequest,
    InvalidUpstreamResponse,
    UnknownArtifact,
    UnknownFile,
    UnknownRevision,
    UpstreamDown,
    UpstreamTimeout,
)  # fmt: skip
from hub.names import check_path
from hub.registry.database.clock import utc_now
from hub.strict_json import parse_json
from server.parts.mirror.mirrored_repositories import MirroredCommit, MirroredFile, MirroredRepository
from server.parts.mirror.redirects import checked_addresses, origin

CONNECT_S, READ_S, FILE_READ_S = 5.0, 10.0, 30.0
"""Timeouts in seconds for connecting, and for the next bytes of a description and of a file."""
MAX_DESCRIPTION = 64 << 20
"""Maximum size of a description in bytes: 100,000 files take about 20 MB."""
CHUNK_BYTES = 1 << 20
_MAX_REDIRECTS = 5
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_PASSED_ON = (
    "author", "cardData", "config", "createdAt", "description", "disabled", "downloads", "downloadsAllTime", "gated", "gguf", "id", "_id",
    "lastModified", "library_name", "likes", "mask_token", "model-index", "modelId", "pipeline_tag", "private", "safetensors", "tags",
    "transformersInfo", "trendingScore",
)  # fmt: skip
"""Fields of a description that are passed on. All others, such as URLs of Xet, are specific to the upstream."""


class UpstreamClient:
    """A hub at a base URL."""

    def __init__(self, address: str, token: str | None = None) -> None:
        try:
            _, host, _ = origin(address)
        except InvalidUpstreamResponse as error:
            raise InvalidRequest(
                f"`--mirror {address}` is not a valid URL: use the URL of a hub, such as https://huggingface.co."
            ) from error
        if "@" in address or "?" in address:
            raise InvalidRequest(
                f"`--mirror` takes the URL of a hub, https://{host}, without user name, password or query."
            )
        self.address = address.rstrip("/")
        self._token = token
        self._client = httpx.Client(follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def describe(self, repo: MirroredRepository, revision: str) -> MirroredCommit:
        """Return a commit with its files.

        Raises UnknownArtifact, UnknownRevision, Gated, Forbidden, UpstreamDown, InvalidUpstreamResponse.
        """
        path = f"/api/{repo.collection}/{repo}/revision/{quote(revision, safe='')}?blobs=true"
        response = self._json(path, repo, revision)
        commit_id = response.get("sha")
        if not isinstance(commit_id, str) or _COMMIT.fullmatch(commit_id) is None:
            raise InvalidUpstreamResponse(f"{self.address} returned no commit id for `{repo}`: nothing was stored.")
        if _COMMIT.fullmatch(revision) and commit_id != revision:
            raise InvalidUpstreamResponse(
                f"{self.address} returned commit {commit_id[:12]} for `{repo}` at {revision[:12]}: nothing was stored."
            )
        try:
            files = tuple(_file(each) for each in response["siblings"])
        except (LookupError, TypeError, ValueError, InvalidName) as error:
            reason = str(error) if isinstance(error, InvalidName) else "sizes or ids of files are missing or invalid"
            raise InvalidUpstreamResponse(
                f"{self.address} returned an invalid description of `{repo}`: {reason}"
            ) from error
        description = {key: response[key] for key in _PASSED_ON if key in response}
        ordered = tuple(sorted(files, key=lambda each: each.path))
        return MirroredCommit(
            commit_id=commit_id, description=description, files=ordered, fetched_at=utc_now()
        )  # fmt: skip

    def refs(self, repo: MirroredRepository) -> dict[str, dict[str, str]]:
        """Return `branches` and `tags`: name → commit id. Raises InvalidUpstreamResponse and the other errors of `describe`."""
        response = self._json(f"/api/{repo.collection}/{repo}/refs", repo, "main")
        try:
            return {
                kind: {str(each["name"]): str(each["targetCommit"]) for each in response.get(kind, [])}
                for kind in ("branches", "tags")
            }
        except (LookupError, TypeError, AttributeError) as error:
            raise InvalidUpstreamResponse(f"{self.address} returned invalid refs of `{repo}`.") from error

    @contextmanager
    def open(self, repo: MirroredRepository, commit_id: str, file: MirroredFile) -> Iterator[Iterator[bytes]]:
        """Open a file and yield its unverified chunks. Raises the same errors as `describe`."""
        prefix = "" if repo.collection == "models" else f"/{repo.collection}"
        path = f"{prefix}/{repo}/resolve/{commit_id}/{quote(file.path)}"
        with self._open(path, FILE_READ_S) as response:
            self._check_status(response, repo, commit_id, file.path)
            yield self._chunks(response)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        with self._translate_errors():
            yield from response.iter_raw(CHUNK_BYTES)

    def _json(self, path: str, repo: MirroredRepository, revision: str) -> Mapping[str, Any]:
        with self._open(path, READ_S) as response, self._translate_errors():
            self._check_status(response, repo, revision, "")
            body = bytearray()
            for part in response.iter_bytes(CHUNK_BYTES):
                body += part
                if len(body) > MAX_DESCRIPTION:
                    raise InvalidUpstreamResponse(
                        f"the description of `{repo}` at {self.address} exceeds {MAX_DESCRIPTION} bytes."
                    )
        try:
            found = parse_json(bytes(body))
        except ValueError as error:
            raise InvalidUpstreamResponse(f"{self.address} returned invalid JSON for `{repo}`.") from error
        if not isinstance(found, dict):
            raise InvalidUpstreamResponse(f"{self.address} returned JSON for `{repo}` that is not an object.")
        return found

    @contextmanager
    def _open(self, path: str, read_s: float) -> Iterator[httpx.Response]:
        """Send GET and follow redirects, as far as `checked_addresses` allows."""
        url = self.address + path
        for _ in range(_MAX_REDIRECTS):
            addresses = checked_addresses(url, self.address)
            headers = {"Accept-Encoding": "identity", "User-Agent": "linguahub-mirror"}
            if self._token and origin(url) == origin(self.address):
                headers["Authorization"] = f"Bearer {self._token}"
            with self._translate_errors():
                response = self._get(url, addresses, headers, read_s)
            try:
                if response.status_code not in {301, 302, 303, 307, 308}:
                    yield response
                    return
                url = urljoin(url, response.headers.get("location", ""))
            finally:
                response.close()
        raise InvalidUpstreamResponse(f"{self.address} redirected more than {_MAX_REDIRECTS} times.")

    def _get(self, url: str, addresses: list[str], headers: dict[str, str], read_s: float) -> httpx.Response:
        """Send GET to one of the checked IP addresses without resolving the host again. Proxies resolve it themselves."""
        timeout = httpx.Timeout(read_s, connect=CONNECT_S)
        if not addresses or urllib.request.getproxies():
            request = self._client.build_request("GET", url, headers=headers, timeout=timeout)
            return self._client.send(request, stream=True)
        target = httpx.URL(url)
        # Closed afterwards because the pool would reuse it for other hosts with the same IP address.
        headers |= {"Host": target.netloc.decode(), "Connection": "close"}
        for address in addresses:
            request = self._client.build_request(
                "GET", target.copy_with(host=address), headers=headers, timeout=timeout,
                extensions={"sni_hostname": target.raw_host.decode()},
            )  # fmt: skip
            try:
                return self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    def _check_status(self, response: httpx.Response, repo: MirroredRepository, revision: str, path: str) -> None:
        """Raise the error that corresponds to an error response of the upstream."""
        status, code = response.status_code, response.headers.get("x-error-code", "")
        if status == HTTPStatus.OK:
            return
        listing = f"{self.address}/{repo}"
        if code == "GatedRepo":
            raise Gated(
                f"access to `{repo}` is restricted: request access at {self.address}, which this server mirrors."
            )
        if code == "RevisionNotFound":
            raise UnknownRevision(revision, listing=listing)
        if code == "EntryNotFound":
            raise UnknownFile(path, listing=listing)
        if status in {401, 404} or code == "RepoNotFound":
            raise UnknownArtifact(str(repo))
        if status == HTTPStatus.FORBIDDEN:
            raise Forbidden(f"{self.address}, which this server mirrors, denied access to `{repo}`.")
        raise UpstreamDown(
            f"{self.address} returned HTTP {status} for `{repo}`, which is not stored here yet: try again later."
        )

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn errors of the HTTP client into one-line errors."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(f"{self.address} did not respond in time: try again later.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UpstreamDown(
                f"{self.address} cannot be reached or has closed the connection: try again later."
            ) from error


def _file(sibling: Mapping[str, Any]) -> MirroredFile:
    path, blob_id, size, lfs = sibling["rfilename"], sibling["blobId"], sibling["size"], sibling.get("lfs")
    check_path(path)
    etag = lfs["sha256"] if lfs else blob_id
    if lfs and (lfs["size"] != size or _SHA256.fullmatch(etag) is None):
        raise ValueError(path)
    if _COMMIT.fullmatch(blob_id) is None or not isinstance(size, int) or size < 0:
        raise ValueError(path)
    return MirroredFile(path=path, size_bytes=size, blob_id=blob_id, etag=etag)
