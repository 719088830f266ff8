"""What a module came from, as its variants' config.json say: its parent, or those it was combined of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.records import Revision


def lineage(hub: LocalHub, revision: Revision) -> Iterator[tuple[str, str]]:
    """Label and value of each line to show."""
    for file in revision.files:
        if fnmatch(file.path, "*/config.json") and file.path.count("/") == 1:
            with hub.store.open(file.digest) as opened:
                config: dict[str, Any] = json.loads(opened.read())
            if isinstance(config.get("parent"), str) and config["parent"]:
                yield "parent", config["parent"]
            run = config.get("run")
            combined = run.get("combined") if isinstance(run, dict) else None
            if isinstance(combined, dict):
                parts = zip(combined["of"], combined["weights"], strict=True)
                listed = " + ".join(f"{share:g} {_name(part)}" for part, share in parts)
                yield "combined", f"{listed} ({combined['method']})"


def _name(part: dict[str, str]) -> str:
    return f"{part['name']}@{part['revision'][:10]}" if part.get("revision") else part["name"]
