"""Commit files over HTTP."""

from __future__ import annotations

import base64
import json


def commit(client, files):
    lines = [{"key": "header", "value": {"summary": "files"}}]
    lines += [
        {"key": "file", "value": {"path": path, "content": base64.b64encode(raw).decode()}}
        for path, raw in files.items()
    ]
    return client.post("/api/models/ada/thing/commit/main", content="\n".join(map(json.dumps, lines)))
