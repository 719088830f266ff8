"""Calls of a server's own API, and its errors as ours.

Through the standard library: an administrator's token goes to the address that was asked for and nowhere else, so
redirects are not followed.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from hub.errors import Conflict, Damaged, Forbidden, HubError, Unauthenticated, Unreachable, WrongRequest

PATIENCE_S = 60.0
_STATUS: dict[int, type[HubError]] = {401: Unauthenticated, 403: Forbidden, 409: Conflict}
"""Every other one that blames the caller is a WrongRequest."""


class Server:
    """A linguahub somewhere else."""

    def __init__(self, endpoint: str, token: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise WrongRequest(f"`--endpoint {endpoint}` is no address of a server: write `https://hub.example`.")
        if not token:
            raise Unauthenticated("a server asks who you are: set HF_TOKEN to an administrator's token.")
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that the server answers. Raises its errors with its words; Unreachable when nobody answers."""
        content = None if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.endpoint + path, content, headers, method=method)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=PATIENCE_S) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(self.endpoint, error.code, error) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(f"{self.endpoint} does not answer: {reason}. Is `hub serve` running there?") from error
        except ValueError as error:
            raise Damaged(f"{self.endpoint} answers something that is no JSON: is it a linguahub?") from error
        if not isinstance(found, dict):
            raise Damaged(f"{self.endpoint} answers something else than an object: is it a linguahub?")
        return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None makes the redirect an error."""


def _refusal(endpoint: str, status: int, answer: IO[bytes]) -> HubError:
    try:
        message = str(json.load(answer)["error"])
    except (ValueError, LookupError, TypeError, OSError):
        message = f"{endpoint} answers with status {status} and no word of a linguahub: is this its address?"
    if status >= 500:
        return Unreachable(message)
    return _STATUS.get(status, WrongRequest)(message)
