"""GET /api/models/{repository}/safetensors-metadata/{file}: the headers of all shards in one response."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from starlette.responses import JSONResponse, Response

from hub.errors import InvalidSource
from hub.records import File
from hub.store import BlobStore
from hub.strict_json import parse_json
from hub.weights.header import read_header
from server.auth.access import Hub, ReadableRepository
from server.http.urls import Segment
from server.protocol.read.resolve import get_file

_MAX_INDEX = 64 << 20
_MAX_SHARDS = 1000
_MAX_RESPONSE = 256 << 20
"""Bytes of all headers together."""


def read_shards(hub: Hub, repository: ReadableRepository, path: Segment) -> Response:
    """Return the header of each shard, and the index without its list of tensors, which the headers contain.

    Raises UnknownFile, InvalidSource.
    """
    revision = hub.registry.revision(repository.name, with_files=False)
    index, names = _read_index(hub.store, get_file(hub, revision, path))
    folder = PurePosixPath(path).parent
    headers, total = {}, 0
    for name in names:
        shard = get_file(hub, revision, str(folder / name))
        with hub.store.open(shard.digest, shard.size_bytes) as opened:
            try:
                headers[name] = read_header(opened)
            except ValueError as error:
                raise InvalidSource(f"`{shard.path}` is not a valid safetensors file: {error}.") from error
            total += opened.tell()
        if total > _MAX_RESPONSE:
            raise InvalidSource(f"the headers of `{path}` exceed {_MAX_RESPONSE} bytes: read them one by one.")
    return JSONResponse({"index": {"metadata": index.get("metadata", {})}, "headers": headers})


def _read_index(store: BlobStore, file: File) -> tuple[dict[str, Any], list[str]]:
    """Return an index and the sorted names of its shards. Raises InvalidSource for an invalid index."""
    invalid = InvalidSource(f"`{file.path}` is not a valid index of shards: it has no `weight_map`.")
    if file.size_bytes > _MAX_INDEX:
        raise invalid
    with store.open(file.digest, file.size_bytes) as opened:
        try:
            index = parse_json(opened.read())
            names = sorted(set(index["weight_map"].values()))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise invalid from error
    if len(names) > _MAX_SHARDS or not all(isinstance(each, str) for each in names):
        raise invalid
    return index, names
