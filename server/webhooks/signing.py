"""How a receiver knows that we are the sender: the headers of Standard Webhooks (standardwebhooks.com), and Hugging Face's own.

`webhook-signature: v1,BASE64` is the HMAC-SHA256 of `ID.TIMESTAMP.BODY` under the secret. A secret that begins with `whsec_` is
base64, as that standard's libraries expect; any other is taken as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"


def headers_of(delivery_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Id, time in Unix seconds and signature of what is sent; without a secret nothing is signed."""
    headers = {"webhook-id": delivery_id, "webhook-timestamp": str(timestamp)}
    if secret:
        headers |= {"webhook-signature": f"v1,{signature(delivery_id, timestamp, body, secret)}"}
        headers |= {"X-Webhook-Secret": secret}
    return headers


def signature(delivery_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """HMAC-SHA256, in base64."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()
