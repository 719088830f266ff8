"""Parse JSON that strangers wrote: only what databases can store and JSON can repeat."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import chain
from typing import Any

MAX_DEPTH = 100
"""Maximum nesting of objects and lists."""
_MAX_WHOLE = 2**63


def parse_json(written: bytes | str, *, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises ValueError, also for NaN, infinity, whole numbers beyond 64 bits, NUL characters, halves of surrogate pairs and more
    than MAX_DEPTH levels: they would fail later, where they are stored or sent.
    """
    text = written if isinstance(written, str) else written.decode("utf-8-sig")
    try:
        found = json.loads(
            text, parse_int=_whole, parse_float=_finite, parse_constant=_finite, object_pairs_hook=object_pairs_hook
        )
    except RecursionError as error:
        raise ValueError(f"it has more than {MAX_DEPTH} levels") from error
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _check(found)
    return found


def is_text(text: str) -> bool:
    """Return whether databases and UTF-8 can represent `text`: it has no NUL character and no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -_MAX_WHOLE <= (number := int(digits)) < _MAX_WHOLE:
        raise ValueError(f"the number {digits[:20]} needs more than 64 bits")
    return number


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"the number {digits[:20]} is not finite")
    return number


def _check(found: Any) -> None:
    """Raise ValueError for texts that are not `is_text`, and for too many levels; level by level, without recursion."""
    level, depth = [found], 0
    while level:
        if not is_text("".join([each for each in level if isinstance(each, str)])):
            raise ValueError("a text has a NUL character or half a surrogate pair")
        inner = [each for each in level if isinstance(each, (dict, list))]
        if inner and depth == MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_DEPTH} levels")
        objects = [each for each in inner if isinstance(each, dict)]
        level = [*chain.from_iterable(inner), *chain.from_iterable(each.values() for each in objects)]
        depth += 1
