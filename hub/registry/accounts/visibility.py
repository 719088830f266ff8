"""Visibility of private artifacts, as an SQL condition."""

from __future__ import annotations

from typing import Any


def visibility_condition(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition that `readers` may see a private artifact, and its parameters; None: all may be seen."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": owner for number, owner in enumerate(readers)}
    return f"lower(owner) IN ({', '.join(f':{name}' for name in values)})", values
