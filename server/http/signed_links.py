"""Values that the server signs with itsdangerous: links, tokens, cursors, forms. All workers share the key.

The purpose is the salt from which each key is derived, so a value signed for one purpose is invalid for another.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from itsdangerous import BadData, Signer, URLSafeSerializer

from hub.errors import Unauthenticated
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account
from hub.registry.accounts.server_settings import signing_key

LINK_SECONDS = 24 * 3600
"""Seconds for which an upload link works: a slow line needs hours for a large file."""
_INVALID = "this link is invalid or has expired: request a new one."
_SHA256: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def sign(hub: LocalHub, purpose: str, seconds: int = LINK_SECONDS, **claims: Any) -> str:
    """Sign `claims` for `purpose`, valid for `seconds`.

    It holds the end, not the beginning: itsdangerous refuses timestamps of the future, which clocks of other machines cause.
    """
    return serializer(hub, purpose).dumps(claims | {"until": int(time.time()) + seconds})


def claims_of(hub: LocalHub, purpose: str, word: str) -> dict[str, Any]:
    """Return the claims that `sign` put into `word`. Raises Unauthenticated if it is invalid or has expired."""
    try:
        claims: dict[str, Any] = serializer(hub, purpose).loads(word)
    except BadData as error:
        raise Unauthenticated(_INVALID) from error
    if claims["until"] < time.time():
        raise Unauthenticated(_INVALID)
    return claims


def sender_of(hub: LocalHub, claims: dict[str, Any]) -> Account:
    """Return the account that a link was made for. Raises Unauthenticated if it was deleted since."""
    found = hub.accounts.find_by_id(claims["account"])
    if found is None:
        raise Unauthenticated("the account of this link was deleted.")
    return found


def serializer(hub: LocalHub, purpose: str) -> URLSafeSerializer:
    """Return the serializer of signed JSON for a purpose. It raises BadData for values that it has not signed."""
    return URLSafeSerializer(signing_key(hub.registry.database), salt=purpose, signer_kwargs=_SHA256)


def seal(hub: LocalHub, purpose: str, secret: str) -> str:
    """Return a signature that proves knowledge of `secret` without revealing it."""
    return Signer(signing_key(hub.registry.database), salt=purpose, **_SHA256).get_signature(secret).decode()
