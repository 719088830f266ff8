"""Compress pages, JSON and static files with gzip. A proxy in front can add other encodings."""

from __future__ import annotations

import re
import zlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from server.http.middleware import HttpLayer

MIN_BYTES = 1000
"""Shorter responses fit into one packet anyway."""
_LEVEL = 6
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_TEXTS = frozenset({
    "text/html", "text/css", "text/javascript", "text/plain", "text/xml", "application/javascript", "application/json",
    "application/xml", "application/atom+xml", "image/svg+xml",
})  # fmt: skip
_FILES = re.compile(r"/(resolve|raw|lfs|cas)/")
"""Paths of files of artifacts: clients compare their length and digest, and read ranges of them."""
_ACCEPTS = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?:,|$)")


class Compression(HttpLayer):
    """Compresses responses that are text, unless they contain a secret of the visitor (`no-store`) or are files of artifacts."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, and compress the response."""
        if scope["method"] == "HEAD" or _FILES.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        is_accepted = _ACCEPTS.search(Headers(scope=scope).get("accept-encoding", "")) is not None
        compressor = None

        async def send_compressed(message: Message) -> None:
            nonlocal compressor
            if message["type"] == "http.response.start" and _is_worthwhile(message):
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Accept-Encoding")
                if is_accepted:
                    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
                    _describe(headers)
            elif message["type"] == "http.response.body" and compressor is not None:
                body = compressor.compress(message.get("body", b""))
                body += compressor.flush(zlib.Z_SYNC_FLUSH if message.get("more_body") else zlib.Z_FINISH)
                message = {**message, "body": body}
            await send(message)

        await self.app(scope, receive, send_compressed)


def _is_worthwhile(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    length = headers.get("content-length", "")
    return (
        kind in _TEXTS
        and message["status"] not in {204, 206, 304}
        and not (length.isdecimal() and int(length) < MIN_BYTES)
        and "content-encoding" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )


def _describe(headers: MutableHeaders) -> None:
    """Describe the compressed body. Its bytes differ from the plain ones, so a strong ETag becomes a weak one."""
    headers["Content-Encoding"] = "gzip"
    del headers["Content-Length"]
    del headers["Accept-Ranges"]
    if (tag := headers.get("ETag", "")) and not tag.startswith("W/"):
        headers["ETag"] = f"W/{tag}"
