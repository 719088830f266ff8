"""Downloads that nginx sends in the server's place: the answer names the blob by `X-Accel-Redirect`, and has no body."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fastapi import Request

from hub.errors import WrongRequest
from hub.names import Digest


def offload_prefix(environment: Mapping[str, str] | None = None) -> str:
    """`$HUB_ACCEL`: the internal location of nginx that holds the store's blobs; empty where this server sends them itself."""
    environment = os.environ if environment is None else environment
    prefix = environment.get("HUB_ACCEL", "")
    if prefix and not prefix.startswith("/"):
        raise WrongRequest(f"HUB_ACCEL is `{prefix}`, and must be a location of nginx, such as /blobs/.")
    return prefix.rstrip("/")


def offload_address(request: Request, digest: Digest) -> str:
    """Where nginx finds a blob of a folder store, below its `blobs/`; empty for HEAD, whose headers nginx would make up anew."""
    prefix = getattr(request.app.state, "offload", "")
    return f"{prefix}/{digest.hex[:2]}/{digest.hex}" if prefix and request.method == "GET" else ""
