"""The web application: a page for people, a search API, and the Hugging Face Hub protocol for programs.

`create_app` is reached through this package lazily, so that `hub --help` can read `server.cli` where the extra
`serve` is not installed.
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
