"""Sign links, tokens, cursors and forms with itsdangerous. All workers share the key.

Each key is derived with the purpose as salt, so a value signed for one purpose is invalid for another.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from itsdangerous import BadData, Signer, URLSafeSerializer

from hub.errors import Unauthenticated
from hub.local import LocalHub
from hub.registry.accounts.server_settings import signing_key

INVALID_LINK = "this link is invalid or has expired: request a new one."
_SHA256: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def sign(hub: LocalHub, purpose: str, seconds: int, **claims: Any) -> str:
    """Sign `claims` for `purpose`, valid for `seconds`.

    The value contains its expiration time. The timestamps of itsdangerous are not used because it refuses those in the future,
    which other machines with different clocks can produce.
    """
    return serializer(hub, purpose).dumps(claims | {"until": int(time.time()) + seconds})


def claims_of(hub: LocalHub, purpose: str, token: str) -> dict[str, Any]:
    """Return the claims of a token that `sign` has returned. Raises Unauthenticated if it is invalid or expired."""
    try:
        claims: dict[str, Any] = serializer(hub, purpose).loads(token)
    except BadData as error:
        raise Unauthenticated(INVALID_LINK) from error
    if claims["until"] < time.time():
        raise Unauthenticated(INVALID_LINK)
    return claims


def serializer(hub: LocalHub, purpose: str) -> URLSafeSerializer:
    """Return a serializer of signed JSON for a purpose. Its `loads` raises BadData for invalid signatures."""
    return URLSafeSerializer(signing_key(hub.registry.database), salt=purpose, signer_kwargs=_SHA256)


def seal(hub: LocalHub, purpose: str, secret: str) -> str:
    """Return a signature that proves knowledge of `secret` without revealing it."""
    return Signer(signing_key(hub.registry.database), salt=purpose, **_SHA256).get_signature(secret).decode()
