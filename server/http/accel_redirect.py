"""Let nginx send downloads: the response has no body and names the blob in `X-Accel-Redirect`."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fastapi import Request

from hub.errors import InvalidRequest
from hub.names import Digest


def offload_prefix(environment: Mapping[str, str] | None = None) -> str:
    """Return `$HUB_ACCEL`, the internal nginx location of the blobs; empty if the server sends them. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    prefix = environment.get("HUB_ACCEL", "")
    if prefix and not prefix.startswith("/"):
        raise InvalidRequest(f"HUB_ACCEL is `{prefix}`, but must be an nginx location such as /blobs/.")
    return prefix.rstrip("/")


def offload_path(request: Request, digest: Digest) -> str:
    """Return the nginx path of a blob in a folder store; empty for HEAD requests, whose headers nginx would replace."""
    prefix = getattr(request.app.state, "offload", "")
    return f"{prefix}/{digest.hex[:2]}/{digest.hex}" if prefix and request.method == "GET" else ""
