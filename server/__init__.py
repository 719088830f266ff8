"""The web application: pages for browsers, our API, and the Hugging Face Hub protocol.

`create_app` is imported lazily, so that `hub --help` can read `server.cli` without the extra `serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from server.app import create_app

        return create_app
    raise AttributeError(f"module `server` has no attribute `{name}`")
