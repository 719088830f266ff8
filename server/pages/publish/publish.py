"""/publish: upload a folder, or begin an artifact with its card. The script of the page checks and uploads."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.cards.card import FILE
from hub.cards.policy import IGNORED
from hub.errors import Conflict, HubError, InvalidName
from hub.local import LocalHub
from hub.names import DATASETS, ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Caller
from server.auth.access import Hub
from server.auth.browser_session import csrf_token_of
from server.auth.caller import actor_of
from server.auth.csrf_forms import Form, SignedIn, SignedInForm
from server.http.urls import absolute, view_path
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.publish.check import MAX_BYTES, MAX_FILES
from server.pages.publish.targets import find_target, owners_of, parse_target
from server.pages.rendering import render

_MAX_STATED = 200
"""Characters of a wrong name that the page repeats."""


def show_publish(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show the form. `to` in the query names an artifact to which files are added. Raises LoginRequired."""
    caller = session.caller
    to = request.query_params.get("to", "")[:_MAX_STATED]
    owner, _, name = to.removeprefix(DATASETS).rpartition("/")
    kind = "dataset" if to.startswith(DATASETS) else "model"
    chosen = {"owner": owner, "name": name, "visibility": "public", "kind": kind}
    return _page(request, hub, caller, chosen)


def begin_artifact(request: Request, hub: Hub, form: SignedInForm) -> Response:
    """Create an artifact and redirect to the editor of its card; that of one that exists. Show what was typed again if it is refused."""
    assert form.session is not None, "a signed-in form has a session"
    caller = form.session.caller
    try:
        name = _begin(request, hub, caller, form)
    except HubError as error:
        chosen = {key: form.get(key)[:_MAX_STATED] for key in ("owner", "name", "visibility", "kind")}
        return _page(request, hub, caller, chosen, problem=error)
    artifact = hub.registry.get(name, caller.readers())
    return RedirectResponse(view_path(artifact, "edit", "main", FILE), SEE_OTHER)


def _begin(request: Request, hub: LocalHub, caller: Caller, form: Form) -> ArtifactName:
    target = parse_target(form.get("owner"), form.get("name"), is_dataset=form.get("kind") == "dataset")
    if (found := find_target(hub, caller, target)) is not None:
        return found.name
    try:
        create(target, hub.registry, hub.store, actor_of(request, caller), private=form.get("visibility") == "private")
    except Conflict:  # The same form was sent twice.
        find_target(hub, caller, target)
    return target


def _page(
    request: Request, hub: LocalHub, caller: Caller, chosen: dict[str, str], *, problem: HubError | None = None
) -> Response:
    owners = owners_of(hub, caller)
    may_publish = bool(owners) or _can_write(caller, chosen)  # A token for one artifact creates none.
    if chosen["owner"] and chosen["owner"] not in owners:
        owners = [*owners, chosen["owner"]]
    context: dict[str, Any] = {
        "owners": owners,
        "chosen": chosen,
        "problem": problem,
        "may_publish": may_publish,
        "example": f"{chosen['owner'] or (owners or ['you'])[0]}/{chosen['name'] or 'mulan-yo'}",
        "endpoint": absolute(request, ""),
        "ignored": sorted(IGNORED),
        "max_files": MAX_FILES,
        "max_bytes": MAX_BYTES,
        "csrf_token": csrf_token_of(request, hub),
    }
    return render(
        "publish/publish.html",
        context,
        request=request,
        status=problem.status if problem else 200,
        headers=FORM_HEADERS,
    )


def _can_write(caller: Caller, chosen: dict[str, str]) -> bool:
    """Return whether the caller can write to the artifact that the address names."""
    try:
        return caller.may_write(parse_target(chosen["owner"], chosen["name"], is_dataset=chosen["kind"] == "dataset"))
    except InvalidName:
        return False
