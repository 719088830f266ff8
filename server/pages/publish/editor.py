"""GET and POST /{owner}/{name}/edit/{branch}/README.md: edit a card, with a preview. Nothing that was typed is lost.

Every refusal shows the form again with its text: mistakes in the card, another commit in between, a form that has expired, and a
session that has ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.cards.card import FILE
from hub.errors import HubError, InvalidRequest, StaleParent, UnknownFile
from hub.local import LocalHub
from hub.publish.checks.mistakes import Mistake
from hub.publish.commit import commit
from hub.publish.new_repository import new_card
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import find_files
from hub.registry.uploads.uploads import record_uploads
from hub.store.read_whole import read_whole
from server.auth.access import Hub, WritableArtifact, visible_artifact
from server.auth.browser_session import browser_session_of, is_csrf_token, new_csrf_token, remember
from server.auth.caller import actor_of, caller_of, require_write
from server.auth.csrf_forms import CSRF_FIELD, SignedIn, read_fields, require_own_page
from server.auth.quota import require_room
from server.http.card import preview
from server.http.request_bodies import MAX_BODY
from server.http.urls import Segment, file_path, page_path, view_path
from server.pages.artifact.frame import render_tab
from server.pages.artifact.revisions.text_diff import TextDiff, text_diffs
from server.pages.formatting import sentence
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.publish.card_checks import mistakes_of_card
from server.pages.rendering import render
from server.site.translation import gettext, gettext_noop, ngettext

MAX_CHARACTERS = 500_000
"""Longest card that can be edited here. Each character takes up to nine bytes in a form."""
_MAX_MESSAGE = 500
_LOGGED_OUT = gettext_noop("You were logged out. Log in, check your text, then save it again.")
_NEW_LINE = "\r\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """The typed values of the form."""

    text: str
    message: str
    parent: str
    """The revision that the text was based on."""

    @classmethod
    def of_fields(cls, fields: dict[str, str]) -> Draft:
        """Read a submitted form. Browsers send the lines of a text area with CRLF."""
        text = fields.get("text", "").replace(_NEW_LINE, "\n")
        return cls(text, fields.get("message", "").strip()[:_MAX_MESSAGE], fields.get("parent", "")[:64])


@dataclass(frozen=True, slots=True)
class Conflict:
    """A commit that came in between."""

    head: Revision
    diffs: tuple[TextDiff, ...]
    """The changes of the card since the text was opened."""


class _Refused(InvalidRequest):
    """A refusal of the form that only its page shows, in the language of the page. Other errors are English."""


def show_editor(
    request: Request, hub: Hub, _session: SignedIn, artifact: WritableArtifact, revision: Segment, path: Segment
) -> Response:
    """Show the form with the card of a branch, or the text of `hub new` if it has none. Raises LoginRequired, Forbidden, UnknownFile."""
    _require_card(path)
    head = hub.registry.tip(artifact.name, revision, with_files=False)
    text = _text(hub, artifact, head)
    return _page(request, hub, artifact, revision, head, Draft(text, "", head.id))


async def save_card(request: Request, hub: Hub, revision: Segment, path: Segment) -> Response:
    """Save the card in one commit, or show the form again with a preview, mistakes or a conflict."""
    fields = await read_fields(request, MAX_BODY)
    return await run_in_threadpool(_submit, request, hub, revision, path, fields)


def _submit(request: Request, hub: LocalHub, revision: str, path: str, fields: dict[str, str]) -> Response:
    require_own_page(request)
    is_valid, draft = is_csrf_token(request, hub, fields.get(CSRF_FIELD, "")), Draft.of_fields(fields)
    wants_json = "application/json" in request.headers.get("accept", "")
    try:
        _require_card(path)
        session = browser_session_of(request, hub)
        if session is None:
            raise InvalidRequest(_LOGGED_OUT) if wants_json else _Refused(gettext(_LOGGED_OUT))
        request.state.caller = session.caller
        artifact = visible_artifact(request, hub)
        require_write(session.caller, artifact.name)
        head = hub.registry.tip(artifact.name, revision, with_files=False)
    except HubError as error:
        if wants_json:
            raise
        return _kept(request, hub, draft, error)
    if wants_json:
        return _preview(request, hub, artifact, head, draft)
    if not is_valid:
        problem = _Refused(gettext("This form has expired. Check your text, then save it again."))
        return _page(request, hub, artifact, revision, head, draft, problem=problem)
    if "preview" in fields:
        return _page(request, hub, artifact, revision, head, draft, is_preview=True)
    try:
        made = _save(request, hub, artifact, revision, draft, over=fields.get("over", ""))
    except StaleParent:
        found = hub.registry.tip(artifact.name, revision, with_files=False)
        return _page(request, hub, artifact, revision, found, draft, conflict=_conflict(hub, draft, found))
    except HubError as error:
        return _page(request, hub, artifact, revision, head, draft, problem=error)
    target = page_path(artifact) if revision == "main" else view_path(artifact, "commit", made.id[:40])
    return RedirectResponse(target, SEE_OTHER)


def _save(request: Request, hub: LocalHub, artifact: Artifact, branch: str, draft: Draft, *, over: str) -> Revision:
    """Commit the card. `over`: the head that the author has seen in a conflict and wants to replace."""
    caller = caller_of(request, hub)
    _check_length(draft.text)
    if mistakes := mistakes_of_card(hub, caller, artifact.name, draft.text):
        raise _Refused(
            ngettext(
                "The card has a mistake and was not saved: correct it below, then save again.",
                "The card has %(num)s mistakes and was not saved: correct them below, then save again.",
                len(mistakes),
            )
        )
    parent = over or draft.parent
    if len(parent) != 64:
        raise _Refused(gettext("This form is incomplete. Check your text, then save it again."))
    base = find_files(hub.registry.database, parent, [FILE]).get(FILE)
    digest, size = hub.store.put(_encoded(draft.text, hub, base))
    record_uploads(hub.registry.database, caller, {digest: size}, owner=artifact.name.owner)
    require_room(hub, artifact.name, {digest: size})
    return commit(
        artifact, [File(FILE, digest, size)], hub.registry, hub.store, actor_of(request, caller),
        message=draft.message or f"Update {FILE}", branch=branch, parent=parent, readers=caller.readers(),
    )  # fmt: skip


def _encoded(text: str, hub: LocalHub, base: File | None) -> bytes:
    """Return the bytes of a card, with the ends of lines that it had, so that a commit changes only what was edited."""
    content = read_whole(hub.store, base.digest, base.size_bytes) if base else None
    text = text if text.endswith("\n") else f"{text}\n"
    return (text.replace("\n", _NEW_LINE) if content and b"\r\n" in content else text).encode("utf-8", "replace")


def _conflict(hub: LocalHub, draft: Draft, head: Revision) -> Conflict:
    database = hub.registry.database
    before, after = (find_files(database, each, [FILE]).get(FILE) for each in (draft.parent, head.id))
    changes = [(FILE, before, after)] if before != after else []
    return Conflict(head, tuple(text_diffs(hub.store, changes)))


def _preview(request: Request, hub: LocalHub, artifact: Artifact, head: Revision, draft: Draft) -> Response:
    _check_length(draft.text)
    shown, is_whole = preview(draft.text, file_path(artifact, head, ""))
    mistakes = mistakes_of_card(hub, caller_of(request, hub), artifact.name, draft.text)
    body = {
        "html": shown,
        "is_whole": is_whole,
        "mistakes": [{"line": each.line, "text": each.text} for each in mistakes],
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _page(
    request: Request,
    hub: LocalHub,
    artifact: Artifact,
    branch: str,
    head: Revision,
    draft: Draft,
    *,
    problem: HubError | None = None,
    conflict: Conflict | None = None,
    is_preview: bool = False,
) -> Response:
    shown, is_whole = preview(draft.text[:MAX_CHARACTERS], file_path(artifact, head, ""))
    mistakes: list[Mistake] = []
    if len(draft.text) <= MAX_CHARACTERS:
        mistakes = mistakes_of_card(hub, caller_of(request, hub), artifact.name, draft.text)
    is_new = FILE not in find_files(hub.registry.database, head.id, [FILE])
    context: dict[str, Any] = {
        "branch": branch,
        "draft": draft,
        "preview": shown,
        "is_whole": is_whole,
        # A new card only has gaps, which the author knows.
        "mistakes": [] if is_new and request.method == "GET" else mistakes,
        "problem": _said(problem),
        "conflict": conflict,
        "is_preview": is_preview,
        "is_new": is_new,
        "default_message": f"{'Create' if is_new else 'Update'} {FILE}",
        "max_characters": MAX_CHARACTERS,
        "edit_path": view_path(artifact, "edit", branch, FILE),
        "csrf_token": new_csrf_token(request, hub)[0],
    }
    response = render_tab("publish/editor.html", "Edit", request, hub, artifact, head, context)
    response.status_code = problem.status if problem else StaleParent.status if conflict else 200
    response.headers.update(FORM_HEADERS)
    return response


def _said(problem: HubError | None) -> str:
    """Return the text of a refusal, marked as English where it is; empty without one."""
    if problem is None or isinstance(problem, _Refused):
        return str(problem or "")
    return sentence(str(problem))


def _kept(request: Request, hub: LocalHub, draft: Draft, problem: HubError) -> Response:
    """Show only the text and why it was not saved: the author might no longer be permitted to see the artifact."""
    csrf_token, secret = new_csrf_token(request, hub)
    is_out = browser_session_of(request, hub) is None
    path = request.url.path
    context = {"draft": draft, "problem": _said(problem), "is_out": is_out, "csrf_token": csrf_token, "edit_path": path}
    page = render("publish/kept.html", context, request=request, status=problem.status, headers=FORM_HEADERS)
    remember(request, page, secret)
    return page


def _text(hub: LocalHub, artifact: Artifact, head: Revision) -> str:
    """Return the text of a card, or of `hub new`. Raises InvalidRequest for a card that cannot be edited here."""
    file = find_files(hub.registry.database, head.id, [FILE]).get(FILE)
    if file is None:
        kind = "dataset" if artifact.name.is_dataset else "adapter"
        return new_card(artifact.name.name, kind=kind)
    content = read_whole(hub.store, file.digest, file.size_bytes)
    if content is None:
        raise InvalidRequest(f"the stored bytes of {FILE} are damaged: push it again with `hf upload`.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{FILE} is not UTF-8 text: edit it on your computer and upload it with `hf upload`."
        ) from error
    _check_length(text)
    return text.replace(_NEW_LINE, "\n")


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(
            f"{FILE} has {len(text)} characters, but this page edits at most {MAX_CHARACTERS}: shorten it, or upload it with `hf upload`."
        )


def _require_card(path: str) -> None:
    if path != FILE:
        raise UnknownFile(path, [FILE], more=f" Only {FILE} can be edited here: upload other files with `hf upload`.")
