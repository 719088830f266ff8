"""Send one signed request to a checked address and return the response status. Follows no redirects and uses no proxy.

The headers are those of Standard Webhooks (standardwebhooks.com) and Hugging Face. `webhook-signature: v1,BASE64` is the HMAC-SHA256 of
`ID.TIMESTAMP.BODY` under the secret. A secret that starts with `whsec_` is base64, as the libraries of that standard expect; any other
secret is used unchanged.
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
"""Limit in seconds from the connection to the end of the response."""


def headers_of(delivery_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers with id, Unix time in seconds and, with a secret, the signature."""
    headers = {"webhook-id": delivery_id, "webhook-timestamp": str(timestamp)}
    if secret:
        headers |= {"webhook-signature": f"v1,{signature(delivery_id, timestamp, body, secret)}"}
        headers |= {"X-Webhook-Secret": secret}
    return headers


def signature(delivery_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """Return the HMAC-SHA256 in base64."""
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
    """A connection to a given IP address, with the certificate verified for the host name."""

    def __init__(self, destination: Destination, address: str) -> None:
        super().__init__(destination.host, destination.port, timeout=CONNECT_S)
        self._destination = destination
        self._address = address

    def connect(self) -> None:
        """Connect to the address, without resolving the name again."""
        self.sock = socket.create_connection((self._address, self.port), CONNECT_S)
        if self._destination.is_secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._destination.host)
        self.sock.settimeout(TIMEOUT_S)


def post(destination: Destination, body: bytes, headers: Mapping[str, str]) -> int:
    """Send `body` and return the status. The content of the response is not read, because it could be internal.

    Raises Refused, OSError (also for timeouts, TLS and unknown names) and HTTPException.
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
    timer = threading.Timer(TIMEOUT_S, _abort, (opened,))
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", destination.target, body, {"Host": destination.authority, **headers})
        return connection.getresponse().status
    finally:
        timer.cancel()
        connection.close()


def _abort(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It might be closed already.
        opened.shutdown(socket.SHUT_RDWR)
