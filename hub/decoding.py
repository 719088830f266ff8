"""Records from JSON: each field is read as its type says, so that what `/api/v1` writes comes back as what it was.

The server writes records with orjson as they are; this is the other half. pydantic would read them as well, but `hub search
--endpoint` would wait for its import, and the core would depend on it for this alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from hub.errors import Damaged, HubError

Kind = TypeVar("Kind")
_AS_THEY_ARE = (str, int, bool, NoneType)


def decode(kind: type[Kind], value: object) -> Kind:
    """`value`, as `json` reads it, as a `kind`: a record, a list of records, a number …

    Fields that a newer server adds are left out. Raises Damaged when one is missing or of another type.
    """
    try:
        return cast("Kind", _decode(kind, value))
    except (AttributeError, KeyError, TypeError, ValueError, HubError) as error:
        name = getattr(kind, "__name__", str(kind)).lower()
        raise Damaged(f"the server's answer is not a {name} ({error}): is it a linguahub of this version?") from error


def _decode(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        if value is None and NoneType in arguments:
            return None
        return _decode(next(each for each in arguments if each is not NoneType), value)
    if origin in {list, tuple}:
        return origin(_decode(arguments[0], each) for each in value)
    if origin in {dict, Mapping}:
        return {key: _decode(arguments[1], each) for key, each in value.items()}
    if isinstance(value, kind):
        return value
    if kind is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(kind) and isinstance(value, Mapping):
        return _record(kind, value)
    if kind in _AS_THEY_ARE:
        raise TypeError(f"{value!r:.80} instead of {kind.__name__}")
    return kind(value)  # What is written as text or a number: a digest, a choice, a float without a fraction.


def _record(kind: Any, value: Mapping[str, Any]) -> Any:
    types = _types(kind)
    return kind(
        **{each.name: _decode(types[each.name], value[each.name]) for each in fields(kind) if each.name in value}
    )


@cache
def _types(record: type) -> dict[str, Any]:
    return get_type_hints(record)
