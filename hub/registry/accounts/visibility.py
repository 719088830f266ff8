"""Whom a private artifact is shown to, as a condition of SQL."""

from __future__ import annotations

from typing import Any


def owned(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """SQL for a private artifact being shown, and the values that it needs."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": owner for number, owner in enumerate(readers)}
    return f"lower(owner) IN ({', '.join(f':{name}' for name in values)})", values
