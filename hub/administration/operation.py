"""An operation of administration: its parameters, its address, what it does and what it returns, in one class.

```python
class RemoveUser(Operation[Account]):
    \"\"\"Remove a user.\"\"\"

    method, path = "DELETE", "/admin/users/{name}"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Account: ...
```

`administration.run(RemoveUser(name="ada"))` returns the Account, here and on a server. Parameters that the path does not name are
sent as a JSON object, or in the query of a GET. A type may carry JSON Schema for the API's document, `Annotated[str, {"maxLength":
200}]`: it documents and does not check. `run` checks, so that a value is refused in the same words wherever the operation runs.
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
from hub.errors import Unauthenticated, WrongRequest

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

Result = TypeVar("Result")
Line = Annotated[str, {"maxLength": 200}]
"""Text for people, on one line."""
MAX_LINES = 10_000
"""Of the audit log or the outbox, at once."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Operation(Generic[Result]):
    """Something that an administrator does, with its parameters: subclasses are frozen dataclasses, and their names the API's ids."""

    method: ClassVar[str] = "GET"
    path: ClassVar[str]
    """Below `/api/v1`."""
    open_to: ClassVar[Literal["administrators", "owners", "everybody"]] = "administrators"
    """Who may do it on a server; owners are those of the account in `{account}`."""
    status: ClassVar[int] = 200
    """Of the answer when it is done."""
    errors: ClassVar[tuple[int, ...]] = (404,)
    """Statuses of refusals, beside those that any address may answer."""
    tag: ClassVar[str] = "operate"
    """The chapter of the API's document."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)

    def run(self, hub: LocalHub, actor: Actor) -> Result:
        """Do it in somebody's name. Raises errors of `hub.errors`."""
        raise NotImplementedError

    def address(self) -> tuple[str, dict[str, Any]]:
        """Its path, filled in, and the parameters that the path does not name. `owner/name` is one segment."""
        given = dict(vars(self))
        named = {name: quote(str(given.pop(name)), safe="") for name in self.path_parameters()}
        return self.path.format(**named), given

    @classmethod
    def result(cls) -> Any:
        """The type that it returns: a record, or a list of records, which is the `items` of an answer."""
        [base] = cls.__orig_bases__  # type: ignore[attr-defined]
        return get_args(base)[0]

    @classmethod
    def parameters(cls) -> tuple[Field[Any], ...]:
        """All of them."""
        return fields(cls)  # type: ignore[arg-type]  # `__init_subclass__` has made it a dataclass.

    @classmethod
    def path_parameters(cls) -> set[str]:
        """Names of those that its path holds."""
        return {name for _, name, _, _ in string.Formatter().parse(cls.path) if name}


class Administration(Protocol):
    """A place where operations run."""

    def run(self, operation: Operation[Result]) -> Result:
        """Do it there. Raises the same errors with the same words in every place."""


class LocalAdministration:
    """On the registry that is here, in somebody's name."""

    def __init__(self, hub: LocalHub, actor: Actor) -> None:
        self._hub, self._actor = hub, actor

    def run(self, operation: Operation[Result]) -> Result:
        """As `Administration.run`."""
        return operation.run(self._hub, self._actor)


class RemoteAdministration:
    """On a server, with an administrator's token."""

    def __init__(self, address: str, token: str) -> None:
        """Raises WrongRequest for what is not an address, Unauthenticated without a token."""
        from hub.remote.client import Endpoint

        self._endpoint = Endpoint(address, token)
        if not token:
            raise Unauthenticated("a server asks who you are: set HF_TOKEN to an administrator's token.")

    def run(self, operation: Operation[Result]) -> Result:
        """As `Administration.run`."""
        path, rest = operation.address()
        query, body = (rest, None) if operation.method == "GET" else (None, rest or None)
        answer = self._endpoint.ask(operation.method, path, query, body)
        kind: type[Result] = operation.result()
        return decode(kind, decode(dict[str, Any], answer).get("items") if get_origin(kind) is list else answer)


def check_limit(limit: int) -> None:
    """Raise WrongRequest for a number of lines that a list does not have."""
    if not 1 <= limit <= MAX_LINES:
        raise WrongRequest(f"`limit` must be a whole number from 1 to {MAX_LINES}, not {limit}.")
