"""Visibility of private artifacts, as an SQL condition."""

from __future__ import annotations

from typing import Any


def visibility_condition(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition that `readers` may see a private artifact, and its parameters; see `Query.readers`."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": reader for number, reader in enumerate(readers)}
    among = ", ".join(f":{name}" for name in values)
    return f"(lower(artifacts.owner) IN ({among}) OR artifacts.key IN ({among}))", values
