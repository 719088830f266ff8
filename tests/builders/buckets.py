"""Create buckets on moto's S3 server."""

from __future__ import annotations

import secrets
import urllib.request

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


def a_bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a new, empty bucket of the server at `s3`; set the environment variables that point to it."""
    name = f"hub-{secrets.token_hex(6)}"
    urllib.request.urlopen(urllib.request.Request(f"{s3}/{name}", method="PUT")).close()
    for variable, value in {**KEYS, "AWS_ENDPOINT_URL": s3, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(variable, value)
    return f"s3://{name}/some/prefix"
