"""Send one signed request to an address that was checked, and read the status of the answer. No redirect is followed, no proxy asked.

The headers are those of Standard Webhooks (standardwebhooks.com), and Hugging Face's own. `webhook-signature: v1,BASE64` is the
HMAC-SHA256 of `ID.TIMESTAMP.BODY` under the secret. A secret that begins with `whsec_` is base64, as that standard's libraries expect;
any other is taken as it is.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping

from server.parts.webhooks.destinations import Destination, addresses_of

PREFIX = "whsec_"
CONNECT_S = 5.0
TIMEOUT_S = 10.0
"""Most time from the connection to the answer, however slowly it drips."""


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


class _Connection(http.client.HTTPConnection):
    """A connection to one address of a host, whose certificate is that host's."""

    def __init__(self, destination: Destination, address: str) -> None:
        super().__init__(destination.host, destination.port, timeout=CONNECT_S)
        self._destination = destination
        self._address = address

    def connect(self) -> None:
        """Connect to the address; the name is not resolved again."""
        plain = socket.create_connection((self._address, self.port), CONNECT_S)
        if self._destination.is_secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self._destination.host)
        else:
            self.sock = plain
        self.sock.settimeout(TIMEOUT_S)


def post(destination: Destination, body: bytes, headers: Mapping[str, str]) -> int:
    """Send `body`; the status of the answer, whose content nobody sees: it may be from inside.

    Raises Refused, OSError (time-outs, TLS and names included) and HTTPException.
    """
    failure: OSError | None = None
    for address in addresses_of(destination):
        connection = _Connection(destination, address)
        try:
            connection.connect()
        except OSError as error:
            failure = error
            continue
        return _exchange(connection, destination, body, headers)
    raise failure or OSError("the host has no address")


def _exchange(connection: _Connection, destination: Destination, body: bytes, headers: Mapping[str, str]) -> int:
    opened = connection.sock
    over = threading.Timer(TIMEOUT_S, _abort, (opened,))
    over.daemon = True
    over.start()
    try:
        connection.request("POST", destination.target, body, {"Host": destination.authority, **headers})
        return connection.getresponse().status
    finally:
        over.cancel()
        connection.close()


def _abort(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It may have ended by itself in the meantime.
        opened.shutdown(socket.SHUT_RDWR)
