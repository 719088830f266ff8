"""Decode records from the JSON of `/api/v1`, by the types of their fields.

The server encodes records with orjson; this is the inverse. pydantic could do it, but would slow the start of `hub search
--endpoint` and be a dependency of the core for this alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from hub.errors import DamagedFile, HubError

Kind = TypeVar("Kind")


def decode(kind: type[Kind], value: object) -> Kind:
    """Convert `value`, as parsed by `json`, to `kind`: a record, a list of records, a number …

    Unknown fields of a newer server are ignored. Raises DamagedFile if a field is missing or has another type.
    """
    try:
        return cast("Kind", _decode(kind, value))
    except (AttributeError, KeyError, TypeError, ValueError, HubError) as error:
        name = getattr(kind, "__name__", str(kind)).lower()
        raise DamagedFile(
            f"the server's response is not a valid {name} ({error}): check that it is a linguahub of this version."
        ) from error


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
    if kind in (str, int, bool, NoneType):
        raise TypeError(f"{value!r:.80} instead of {kind.__name__}")
    return kind(value)  # Written as text or a number: a digest, an enum member, a float without a fraction.


def _record(kind: Any, value: Mapping[str, Any]) -> Any:
    types = _types(kind)
    return kind(
        **{each.name: _decode(types[each.name], value[each.name]) for each in fields(kind) if each.name in value}
    )


@cache
def _types(record: type) -> dict[str, Any]:
    return get_type_hints(record)
