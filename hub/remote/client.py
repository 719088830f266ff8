"""Call `/api/v1` of another hub. Files are transferred with `huggingface_hub` instead.

It uses the standard library because importing `huggingface_hub` would slow down `hub search`. The token in `HF_TOKEN` is sent only
to the given endpoint, never to a redirect target.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from hub.decoding import decode
from hub.errors import (
    Conflict,
    Forbidden,
    HubError,
    InvalidPath,
    InvalidRequest,
    NotServed,
    OverQuota,
    StaleParent,
    TooLarge,
    Unauthenticated,
    Unreachable,
)
from hub.names import DATASETS, ArtifactName
from hub.publish.lineage import Lineage
from hub.records import DATASET, Artifact, Meaning, MirrorOrigin, Page, Query, Revision, StandIn
from hub.registry.artifacts.scans import Scan

TIMEOUT_S = 60.0
"""Timeout of a response in seconds."""
MAX_PAGE = 100
"""Maximum page size of an endpoint."""
_MAX_REDIRECTS = 3
"""Maximum number of requests for one response: a renamed artifact redirects to its new name."""
_ERRORS: dict[int, type[HubError]] = {
    401: Unauthenticated, 403: Forbidden, 409: Conflict, 412: StaleParent, 413: TooLarge, 422: InvalidPath, 501: NotServed,
    507: OverQuota,
}  # fmt: skip
_FIELD_OF = {"lang": "language", "has": "has_images"}
"""Parameter of the API → field of `Query`, where they differ."""
_FILTERS = (
    "text",
    "kind",
    "base",
    "method",
    "license",
    "owner",
    "metric",
    "benchmark",
    "split",
    "sort",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An artifact and one of its revisions, as described by an endpoint."""

    artifact: Artifact
    shown: Revision | None
    """None if the endpoint has only a card."""
    revisions: tuple[Revision, ...]
    """Newest first, without their files."""
    card: str
    origins: tuple[Lineage, ...]
    scans: Mapping[str, Scan]
    """Path → scan result of files that can run code."""
    mirror: MirrorOrigin | None = None
    """The origin of a mirrored artifact."""
    stand_ins: tuple[StandIn, ...] = ()
    """The multilingual modules that its name refers to on other bases."""


class Endpoint:
    """The hub at a URL, such as `https://hub.example`. Creating it sends no request."""

    def __init__(self, address: str, token: str | None = None) -> None:
        """`token`: the one in `HF_TOKEN` by default, if any. Raises InvalidRequest for an invalid URL."""
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise InvalidRequest(f"`--endpoint {address}` is not a valid URL. Example: `https://hub.example`.")
        self.address = address.rstrip("/")
        self.token = os.environ.get("HF_TOKEN", "").strip() if token is None else token

    def find(self, query: Query) -> Page:
        """Search like `Registry.find`, fetching pages until `query.limit` artifacts are found. Raises like `ask`."""
        wanted = {name: getattr(query, name) for name in _FILTERS if getattr(query, name)}
        wanted |= {
            "lang": query.language,
            "provenance": query.provenance if query.metric else "",
            "scores": query.scores,
            "has": "images" if query.has_images else "",
        }
        limits = {"min": query.min_value, "max": query.max_value}
        wanted |= {name: value for name, value in limits.items() if value is not None}
        items, found, cursor, stand_ins = list[Artifact](), None, "", tuple[StandIn, ...]()
        while found is None or (cursor and len(items) < query.limit):
            page = {**wanted, "limit": min(MAX_PAGE, max(1, query.limit - len(items))), "cursor": cursor}
            found = self.ask("GET", "/search", page)
            items += map(_read_artifact, found["items"])
            cursor = found["cursor"] or ""
            stand_ins = stand_ins or decode(tuple[StandIn, ...], found.get("stand_ins", []))
        meaning = found.get("meaning")
        return Page(
            tuple(items[: query.limit]),
            found["total"],
            found["facets"],
            found["is_exact"],
            stand_ins=stand_ins,
            meaning=decode(Meaning, meaning) if meaning else None,
            correction=found.get("correction", ""),
            without={_FIELD_OF.get(name, name): count for name, count in found.get("without", {}).items()},
        )

    def describe(self, name: str, revision: str = "main") -> Description:
        """Return an artifact with a revision. Raises InvalidRequest with similar names if there is none, InvalidName."""
        ArtifactName.parse(name, "any")
        found = self.ask("GET", f"/artifacts/{quote(name)}", {"revision": revision})
        artifact = _read_artifact(found)
        return Description(
            artifact=artifact,
            shown=_read_revision(found["shown_revision"], artifact.name) if found["shown_revision"] else None,
            revisions=tuple(_read_revision(each, artifact.name) for each in found["revisions"]),
            card=found["card"],
            origins=decode(tuple[Lineage, ...], found["lineage"]),
            mirror=decode(MirrorOrigin, found["mirror"]) if found["mirror"] else None,
            scans=decode(dict[str, Scan], found["scans"]),
            stand_ins=decode(tuple[StandIn, ...], found.get("stand_ins", [])),
        )

    def full_name(self, name: str) -> str:
        """Return `owner/name` of an artifact that is given with or without its owner. Raises InvalidRequest."""
        return name if "/" in name.removeprefix(DATASETS) else str(self.describe(name).artifact.name)

    def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        """Return a JSON response of `/api/v1`. Raises the errors of the local command, and Unreachable."""
        response = self.read(method, path, parameters, body)
        try:
            return json.loads(response)
        except ValueError as error:
            raise Unreachable(f"{self.address} did not return a linguahub response: check the URL.") from error

    def read(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> bytes:
        """Return the body of a response of `/api/v1`. Raises the errors of the local command, and Unreachable."""
        query = urlencode({name: value for name, value in (parameters or {}).items() if value != ""}, doseq=True)
        address = f"{self.address}/api/v1{path}{f'?{query}' if query else ''}"
        headers = {"Accept": "application/json", "User-Agent": "linguahub"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = None if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"} if sent is not None else {}
        opener = urllib.request.build_opener(_NoRedirects)
        for _ in range(_MAX_REDIRECTS):
            request = urllib.request.Request(address, sent, headers, method=method)  # noqa: S310 - http and https alone, see __init__
            try:
                with opener.open(request, timeout=TIMEOUT_S) as response:
                    return bytes(response.read())
            except urllib.error.HTTPError as error:
                target = urljoin(address, error.headers.get("Location", ""))
                if error.code != 307 or urlsplit(target)[:2] != urlsplit(address)[:2]:
                    raise self._error(error) from error
                address = target
            except (OSError, HTTPException) as error:
                reason = getattr(error, "reason", error)
                raise Unreachable(
                    f"{self.address} does not respond ({reason}). Check the URL and whether the server is running."
                ) from error
        raise Unreachable(f"{self.address} redirects in a loop for `{path}`.")

    def _error(self, error: urllib.error.HTTPError) -> HubError:
        with error:
            try:
                message = json.loads(error.read())["error"]
            except (ValueError, LookupError, TypeError, OSError):
                message = f"{self.address} returned HTTP {error.code} {error.reason} without an error message."
        if error.code >= 500 and error.code not in _ERRORS:
            return Unreachable(f"{self.address}: {message}")
        return _ERRORS.get(error.code, InvalidRequest)(str(message))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Disables automatic redirects, which would send the token to any target."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Return None, so that the redirect is raised as an error."""


def _read_artifact(body: Mapping[str, Any]) -> Artifact:
    return decode(
        Artifact,
        {**body, "name": {"owner": body["owner"], "name": body["name"], "is_dataset": body["kind"] == DATASET}},
    )


def _read_revision(body: Mapping[str, Any], name: ArtifactName) -> Revision:
    """Decode a revision, without files if the response has none."""
    return decode(Revision, {"files": (), **body, "artifact": name})
