"""Another hub, over the network: `/api/v1` for what is known, `huggingface_hub` for what is transferred.

Asking goes through the standard library: `hub search` starts before `huggingface_hub` would be imported. The token in
`HF_TOKEN` is sent to the endpoint that was named, and to no other place that it leads to.
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
    Gone,
    HubError,
    NotServed,
    OverQuota,
    StaleParent,
    TooLarge,
    Unauthenticated,
    Unreachable,
    WrongPath,
    WrongRequest,
)
from hub.names import ArtifactName
from hub.publish.lineage import Origin
from hub.records import Artifact, MirrorOrigin, Page, Query, Revision
from hub.registry.artifacts.scans import Scan

PATIENCE_S = 60.0
"""How long an answer may take to begin."""
LONGEST_PAGE = 100
"""What an endpoint gives at once."""
_MOST_STEPS = 3
"""Redirects that are followed: an artifact may have moved."""
_ERRORS: dict[int, type[HubError]] = {
    401: Unauthenticated, 403: Forbidden, 409: Conflict, 410: Gone, 412: StaleParent, 413: TooLarge, 422: WrongPath, 501: NotServed,
    507: OverQuota,
}  # fmt: skip
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
    "least",
    "most",
    "sort",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything that an endpoint tells of one artifact."""

    artifact: Artifact
    shown: Revision | None
    """None when only a card is known there."""
    revisions: tuple[Revision, ...]
    """Newest first, without their files."""
    card: str
    origins: tuple[Origin, ...]
    scans: Mapping[str, Scan]
    """Path → what scanners say of files that can run code."""
    mirror: MirrorOrigin | None = None
    """Where it is mirrored from."""


class Endpoint:
    """The hub at an address, `https://hub.example`. Nothing is asked yet."""

    def __init__(self, address: str, token: str | None = None) -> None:
        """Without a token, the one in `HF_TOKEN`, if there is one. Raises WrongRequest for what is not an address of the web."""
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise WrongRequest(f"`--endpoint {address}` is no address of a server: write it as `https://hub.example`.")
        self.address = address.rstrip("/")
        self.token = os.environ.get("HF_TOKEN", "").strip() if token is None else token

    def find(self, query: Query) -> Page:
        """As `Registry.find`, page by page until `query.limit` are there."""
        wanted = {name: getattr(query, name) for name in _FILTERS if getattr(query, name) not in ("", None)}
        wanted |= {
            "lang": query.language,
            "provenance": query.provenance if query.metric else "",
            "scores": query.scores,
        }
        items, found, cursor = list[Artifact](), None, ""
        while found is None or (cursor and len(items) < query.limit):
            asked = {**wanted, "limit": min(LONGEST_PAGE, max(1, query.limit - len(items))), "cursor": cursor}
            found = self.ask("GET", "/search", asked)
            items += map(_read_artifact, found["items"])
            cursor = found["cursor"] or ""
        return Page(tuple(items[: query.limit]), found["total"], found["facets"], found["is_exact"])

    def describe(self, name: str, revision: str = "main") -> Description:
        """One artifact with a revision. Raises WrongRequest where there is none, with near names, WrongName."""
        ArtifactName.parse(name, "any")
        found = self.ask("GET", f"/artifacts/{quote(name)}", {"revision": revision})
        artifact = _read_artifact(found)
        return Description(
            artifact=artifact,
            shown=_read_revision(found["shown"], artifact.name) if found["shown"] else None,
            revisions=tuple(_read_revision(each, artifact.name) for each in found["revisions"]),
            card=found["card"],
            origins=decode(tuple[Origin, ...], found["lineage"]),
            mirror=decode(MirrorOrigin, found["mirror"]) if found["mirror"] else None,
            scans=decode(dict[str, Scan], found["scans"]),
        )

    def full_name(self, name: str) -> str:
        """`owner/name` of what may be called by its name alone."""
        return name if "/" in name else str(self.describe(name).artifact.name)

    def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        """An answer of `/api/v1` as JSON. Errors are those that the same command raises here."""
        answer = self.read(method, path, parameters, body)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise Unreachable(f"{self.address} did not return a linguahub response: check the address.") from error

    def read(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> bytes:
        """As `ask`, the bytes as they are."""
        query = urlencode({name: value for name, value in (parameters or {}).items() if value != ""})
        address = f"{self.address}/api/v1{path}{f'?{query}' if query else ''}"
        headers = {"Accept": "application/json", "User-Agent": "linguahub"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = None if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"} if sent is not None else {}
        opener = urllib.request.build_opener(_StayHere)
        for _ in range(_MOST_STEPS):
            asked = urllib.request.Request(address, sent, headers, method=method)  # noqa: S310 - http and https alone, see __init__
            try:
                with opener.open(asked, timeout=PATIENCE_S) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                target = urljoin(address, error.headers.get("Location", ""))
                if error.code != 307 or urlsplit(target)[:2] != urlsplit(address)[:2]:
                    raise self._error(error) from error
                address = target
            except (OSError, HTTPException) as error:
                reason = getattr(error, "reason", error)
                raise Unreachable(
                    f"{self.address} does not answer ({reason}). Is the address right, and the server running?"
                ) from error
        raise Unreachable(f"{self.address} redirects in a loop for `{path}`.")

    def _error(self, error: urllib.error.HTTPError) -> HubError:
        with error:
            try:
                message = json.loads(error.read())["error"]
            except (ValueError, LookupError, TypeError, OSError):
                message = f"{self.address} answered {error.code} {error.reason}."
        if error.code >= 500 and error.code not in _ERRORS:
            return Unreachable(f"{self.address}: {message}")
        return _ERRORS.get(error.code, WrongRequest)(str(message))


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand: the standard library would send the token along, wherever they lead."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """None: an error with the status of the redirect."""


def _read_artifact(body: Mapping[str, Any]) -> Artifact:
    return decode(Artifact, {**body, "name": {"owner": body["owner"], "name": body["name"]}})


def _read_revision(body: Mapping[str, Any], name: ArtifactName) -> Revision:
    """Without files where the answer names none."""
    return decode(Revision, {"files": (), **body, "artifact": name})
