"""Create the administration endpoints from the operations that `hub admin --endpoint` calls.

Each operation declares its path, parameters, result and permissions; see `hub.administration.operation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING
from functools import cache
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.responses import Response

from hub.administration import Operation, operations
from hub.errors import Forbidden
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.registry.accounts.permissions import Actor
from server.auth.access import Hub
from server.auth.caller import account_of, actor_of, caller_of, require_admin
from server.http.response_bodies import Body, body_class, json_response
from server.http.routing import RouteSpec
from server.http.urls import Segment
from server.openapi.document import documented


class OperationRequest(BaseModel):
    """A request body. Unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


def administration() -> Iterator[RouteSpec]:
    """Yield the route of every operation."""
    each: Any  # mypy takes the class for an instance, which cannot be hashed.
    for each in operations():
        yield _route(each)


@cache
def _route(operation: type[Operation[Any]]) -> RouteSpec:
    login = operation.open_to != "everybody"
    errors = (403, *operation.errors) if login else operation.errors
    return documented(
        operation.method, operation.path, _endpoint(operation), _response_body(operation), tag=operation.tag, errors=errors,
        login=login, status=operation.status,
    )  # fmt: skip


def _administrator(request: Request, hub: Hub) -> Actor:
    """Return the actor. Raises Unauthenticated without a token, Forbidden unless it is an administrator's token with role `write`."""
    caller = caller_of(request, hub)
    account = account_of(caller)
    if not caller.may_change_server:
        raise Forbidden(
            f"`{account.name}` doesn't have permission to administer this server: use an administrator's token with role `write`."
        )
    return actor_of(request, caller)


def _owner(request: Request, hub: Hub, account: Segment) -> Actor:
    """Return the actor. Raises UnknownAccount, Unauthenticated, and Forbidden if the caller cannot administer the account."""
    caller = caller_of(request, hub)
    require_admin(caller, ArtifactName(hub.accounts.get(account).name, "any"))
    return actor_of(request, caller)


def _caller(request: Request, hub: Hub) -> Actor:
    return actor_of(request, caller_of(request, hub))


_ACTORS: dict[str, Any] = {"administrators": _administrator, "owners": _owner, "everybody": _caller}


def _endpoint(operation: type[Operation[Any]]) -> Any:
    """Return an endpoint whose signature FastAPI reads: it has the operation's parameters."""
    parameters: dict[str, Any] = {"hub": Hub, "actor": Annotated[Actor, Depends(_ACTORS[operation.open_to])]}
    fields = dict[str, Any]()
    in_path, kinds = operation.path_parameters(), get_type_hints(operation, include_extras=True)
    for each in operation.parameters():
        kind, schema = _parts(kinds[each.name])
        default = ... if each.default is MISSING else each.default
        if each.name in in_path:
            parameters[each.name] = Segment if kind is str else kind
        elif operation.method == "GET":
            parameters[each.name] = Annotated[
                kind, Query(description=schema.pop("description", None), json_schema_extra=schema)
            ]
        else:
            fields[each.name] = (kind, Field(default, json_schema_extra=schema))
    if fields:
        parameters["body"] = create_model(
            operation.__name__, __base__=OperationRequest, __doc__=operation.__doc__, **fields
        )
    is_list = get_origin(operation.result()) is list

    def endpoint(hub: LocalHub, actor: Actor, body: OperationRequest | None = None, **given: Any) -> Response:
        found = operation(**given, **(dict(body) if body else {})).run(hub, actor)
        return json_response({"items": found} if is_list else found, operation.status)

    defaults = {each.name: each.default for each in operation.parameters() if each.default is not MISSING}
    signature = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=defaults.get(name, Parameter.empty))
        for name, kind in parameters.items()
    ]
    endpoint.__signature__ = Signature(signature)  # type: ignore[attr-defined]  # What FastAPI reads.
    endpoint.__name__ = re.sub(r"\B(?=[A-Z])", "_", operation.__name__).lower()
    endpoint.__doc__ = operation.__doc__
    return endpoint


def _parts(kind: Any) -> tuple[Any, dict[str, Any]]:
    """Return a type and its JSON Schema."""
    if get_origin(kind) is not Annotated:
        return kind, {}
    bare, *schemas = get_args(kind)
    return bare, {key: value for schema in schemas for key, value in schema.items()}


def _response_body(operation: type[Operation[Any]]) -> type[Any]:
    kind = operation.result()
    return _list_body(*get_args(kind)) if get_origin(kind) is list else body_class(kind)


@cache
def _list_body(record: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {"items": (list[body_class(record)], ...)}  # type: ignore[misc]
    return create_model(f"{record.__name__}List", __base__=Body, **fields)
