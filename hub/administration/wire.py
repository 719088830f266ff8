"""Records as JSON and back: times in ISO 8601, everything else as it is. Both ends use this file."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from hub.errors import Damaged

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


def write(record: DataclassInstance) -> dict[str, Any]:
    """A record as a JSON object."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(record).items()}


def read(kind: type[Record], body: dict[str, Any]) -> Record:
    """A record of `kind`; fields that a newer server adds are left out. Raises Damaged when one is missing."""
    try:
        values = {each.name: _value(each.name, body[each.name]) for each in fields(kind)}
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(
            f"the server's answer is no {kind.__name__.lower()}: is it a linguahub of this version?"
        ) from error
    return kind(**values)


def _value(name: str, value: Any) -> Any:
    is_time = name == "at" or name.endswith(("_at", "_until"))
    return datetime.fromisoformat(value) if is_time and value is not None else value
