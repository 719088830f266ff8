"""Links and tokens that the server itself has made: signed, and worthless after a while. All workers share the key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any

from hub.accounts import Account
from hub.errors import Unauthenticated
from hub.local import LocalHub
from hub.registry.settings import signing_key

LINK_SECONDS = 24 * 3600
"""How long a link for an upload works: a slow line needs hours for a large file."""
_OLD = "this link is no longer valid, or was not made here: ask for a new one."


def sign(hub: LocalHub, purpose: str, seconds: int = LINK_SECONDS, **claims: Any) -> str:
    """A word that carries `claims` for `purpose`, for some seconds."""
    claims |= {"for": purpose, "until": int(time.time()) + seconds}
    body = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{body}.{_seal(hub, body)}"


def claims_of(hub: LocalHub, purpose: str, word: str) -> dict[str, Any]:
    """What `sign` put into `word`. Raises Unauthenticated unless it was made here, for this, and not too long ago."""
    body, _, seal = word.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(hub, body).encode()):
        raise Unauthenticated(_OLD)
    try:
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated(_OLD) from error
    if claims["for"] != purpose or claims["until"] < time.time():
        raise Unauthenticated(_OLD)
    return claims


def sender_of(hub: LocalHub, claims: dict[str, Any]) -> Account:
    """The account that a link was made for. Raises Unauthenticated when it was removed since."""
    found = hub.accounts.find_by_id(claims["account"])
    if found is None:
        raise Unauthenticated("the account of this link is gone.")
    return found


def _seal(hub: LocalHub, body: str) -> str:
    return hmac.new(signing_key(hub.registry.database), body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
