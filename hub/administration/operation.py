"""An administrative operation: its parameters, endpoint, result and implementation in one class.

```python
class RemoveUser(Operation[Account]):
    \"\"\"Remove a user.\"\"\"

    method, path = "DELETE", "/admin/users/{name}"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account: ...
```

`administration.run(RemoveUser(name="ada"))` returns the Account, locally and on a server. Parameters outside the path are sent as
a JSON object, or in the query of a GET. A type can have JSON Schema for the API documentation, `Annotated[str, {"maxLength": 200}]`,
which is not enforced: `run` checks values, so that errors are the same wherever the operation runs.
"""

from __future__ import annotations

import string
from dataclasses import Field, dataclass, fields
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
)
from urllib.parse import quote

from hub.decoding import decode
from hub.errors import InvalidRequest, Unauthenticated

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

Result = TypeVar("Result")
Line = Annotated[str, {"maxLength": 200}]
"""One line of text."""
MAX_LINES = 10_000
"""Maximum number of entries of the audit log or the outbox in one response."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Operation(Generic[Result]):
    """An operation with its parameters. Subclasses are frozen dataclasses; their names are the operation ids of the API."""

    method: ClassVar[str] = "GET"
    path: ClassVar[str]
    """Below `/api/v1`."""
    open_to: ClassVar[Literal["administrators", "owners", "everybody"]] = "administrators"
    """Who is permitted on a server; owners are those of the account in `{account}`."""
    status: ClassVar[int] = 200
    """Status of a successful response."""
    errors: ClassVar[tuple[int, ...]] = (404,)
    """Error statuses, beside those that every endpoint can return."""
    tag: ClassVar[str] = "operate"
    """Section of the API documentation."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)

    def run(self, hub: LocalHub, actor: Actor) -> Result:
        """Run the operation on behalf of `actor`. Raises a HubError."""
        raise NotImplementedError

    def address(self) -> tuple[str, dict[str, Any]]:
        """Return the path with its parameters filled in, and the other parameters. `owner/name` is one segment."""
        given = dict(vars(self))
        named = {name: quote(str(given.pop(name)), safe="") for name in self.path_parameters()}
        return self.path.format(**named), given

    @classmethod
    def result(cls) -> Any:
        """Return the type of the result: a record, or a list of records, which is the `items` of a response."""
        [base] = cls.__orig_bases__  # type: ignore[attr-defined]
        return get_args(base)[0]

    @classmethod
    def parameters(cls) -> tuple[Field[Any], ...]:
        """Return all parameters."""
        return fields(cls)  # type: ignore[arg-type]  # `__init_subclass__` makes it a dataclass.

    @classmethod
    def path_parameters(cls) -> set[str]:
        """Return the names of the parameters in the path."""
        return {name for _, name, _, _ in string.Formatter().parse(cls.path) if name}


class Administration(Protocol):
    """A local or remote registry that runs operations."""

    def run(self, operation: Operation[Result]) -> Result:
        """Run an operation. Raises the same errors locally and remotely."""


class LocalAdministration:
    """The local registry, on behalf of an actor."""

    def __init__(self, hub: LocalHub, actor: Actor) -> None:
        self._hub, self._actor = hub, actor

    def run(self, operation: Operation[Result]) -> Result:
        """Run an operation."""
        return operation.run(self._hub, self._actor)


class RemoteAdministration:
    """A server, with an administrator's token."""

    def __init__(self, address: str, token: str) -> None:
        """Raises InvalidRequest for an invalid URL, Unauthenticated without a token."""
        from hub.remote.client import Endpoint

        self._endpoint = Endpoint(address, token)
        if not token:
            raise Unauthenticated("not logged in: set HF_TOKEN to an administrator's token.")

    def run(self, operation: Operation[Result]) -> Result:
        """Run an operation."""
        path, rest = operation.address()
        query, body = (rest, None) if operation.method == "GET" else (None, rest or None)
        answer = self._endpoint.ask(operation.method, path, query, body)
        kind: type[Result] = operation.result()
        return decode(kind, decode(dict[str, Any], answer).get("items") if get_origin(kind) is list else answer)


def check_limit(limit: int) -> None:
    """Raise InvalidRequest unless `limit` is between 1 and MAX_LINES."""
    if not 1 <= limit <= MAX_LINES:
        raise InvalidRequest(f"`limit` must be a whole number from 1 to {MAX_LINES}, not {limit}.")
