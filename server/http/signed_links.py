"""Words that the server itself has made, by itsdangerous: links, tokens, cursors, forms. All workers share the key.

The purpose is the salt from which each key is derived, so a word for one thing is worth nothing for another.
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
"""How long a link for an upload works: a slow line needs hours for a large file."""
_OLD = "this link is no longer valid, or was not made here: ask for a new one."
_SHA256: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def sign(hub: LocalHub, purpose: str, seconds: int = LINK_SECONDS, **claims: Any) -> str:
    """A word that carries `claims` for `purpose`, for some seconds.

    It names its end, not its beginning: itsdangerous refuses what begins in the future, which another machine's clock may think.
    """
    return serializer(hub, purpose).dumps(claims | {"until": int(time.time()) + seconds})


def claims_of(hub: LocalHub, purpose: str, word: str) -> dict[str, Any]:
    """What `sign` put into `word`. Raises Unauthenticated unless it was made here, for this, and not too long ago."""
    try:
        claims: dict[str, Any] = serializer(hub, purpose).loads(word)
    except BadData as error:
        raise Unauthenticated(_OLD) from error
    if claims["until"] < time.time():
        raise Unauthenticated(_OLD)
    return claims


def sender_of(hub: LocalHub, claims: dict[str, Any]) -> Account:
    """The account that a link was made for. Raises Unauthenticated when it was removed since."""
    found = hub.accounts.find_by_id(claims["account"])
    if found is None:
        raise Unauthenticated("the account of this link is gone.")
    return found


def serializer(hub: LocalHub, purpose: str) -> URLSafeSerializer:
    """Writes and reads signed JSON for a purpose. Reading raises BadData for what it has not written."""
    return URLSafeSerializer(signing_key(hub.registry.database), salt=purpose, signer_kwargs=_SHA256)


def seal(hub: LocalHub, purpose: str, secret: str) -> str:
    """A signature that proves knowledge of `secret` and does not tell it."""
    return Signer(signing_key(hub.registry.database), salt=purpose, **_SHA256).get_signature(secret).decode()
