"""Downloads that nginx sends for the server: the response names the blob in `X-Accel-Redirect` and has no body."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fastapi import Request

from hub.errors import InvalidRequest
from hub.names import Digest


def offload_prefix(environment: Mapping[str, str] | None = None) -> str:
    """Return `$HUB_ACCEL`, nginx's internal location of the store's blobs; empty if the server sends them itself. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    prefix = environment.get("HUB_ACCEL", "")
    if prefix and not prefix.startswith("/"):
        raise InvalidRequest(f"HUB_ACCEL is `{prefix}`, but must be a location of nginx, such as /blobs/.")
    return prefix.rstrip("/")


def offload_address(request: Request, digest: Digest) -> str:
    """Return nginx's path of a blob of a folder store; empty for HEAD, whose headers nginx would replace."""
    prefix = getattr(request.app.state, "offload", "")
    return f"{prefix}/{digest.hex[:2]}/{digest.hex}" if prefix and request.method == "GET" else ""
