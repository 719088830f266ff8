"""POST /publish/check: every mistake of a folder that a page is about to upload, at once, and what the upload would do."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.cards.card import FILE
from hub.errors import HubError, InvalidName
from hub.local import LocalHub
from hub.names import ArtifactName, check_path
from hub.publish.checks.limits import folders_above, is_described_by
from hub.publish.checks.listed_files import ListedFile, file_mistakes
from hub.publish.checks.mistakes import Mistake, card_mistakes, is_dataset_card, is_ours
from hub.publish.commit import policy_of
from hub.publish.new_repository import new_card
from hub.records import DATASET, PLAIN, Artifact, File
from hub.registry.accounts.file_policy import file_policy
from hub.registry.accounts.permissions import Caller
from server.auth.access import Hub
from server.auth.caller import account_of, caller_of
from server.auth.csrf_forms import PageCall
from server.auth.quota import require_room
from server.http.request_bodies import MAX_BODY
from server.http.urls import commit_id, page_path
from server.pages.publish.card_checks import overlaid
from server.pages.publish.targets import find_target, parse_target

MAX_FILES = 2000
"""Files of one upload. More are for `hf upload-large-folder`, which makes several commits."""
MAX_BYTES = MAX_BODY * 3 // 4
"""Maximum encoded bytes that the page sends for all files together, within the limit of a body."""
_MAX_STATED = 200
_TOO_LONG = 4096


class CheckedFile(BaseModel):
    """A file of the folder: its name, size and beginning."""

    path: str = Field(max_length=_TOO_LONG)
    size: int = Field(ge=0, lt=2**63)
    start: str = ""
    """Its first bytes in base64: see `ListedFile.start`."""
    text: str | None = None
    """The whole content of a card or a configuration."""


class CheckedFolder(BaseModel):
    """Body of the request."""

    owner: str = Field(max_length=_MAX_STATED)
    name: str = Field(max_length=_MAX_STATED)
    is_dataset: bool = False
    """Whether files are added to a data set; a new one is recognised by its card."""
    files: Annotated[list[CheckedFile], Field(max_length=MAX_FILES)]


def check_upload(request: Request, hub: Hub, _page: PageCall, body: CheckedFolder) -> Response:
    """Return all mistakes, the artifact that is written to, and its head, which the commit must still find. Raises Unauthenticated."""
    caller = caller_of(request, hub)
    account_of(caller)
    texts = {each.path: each.text for each in body.files if each.text is not None and is_described_by(each.path)}
    mistakes: list[Mistake] = []
    target, artifact, may_publish = None, None, False
    try:
        is_dataset = body.is_dataset or is_dataset_card(texts.get(FILE, ""))
        target = parse_target(body.owner, body.name, is_dataset=is_dataset)
        artifact, may_publish = find_target(hub, caller, target), True
    except HubError as error:
        mistakes.append(Mistake("", 0, str(error)))
    head = hub.registry.tip(artifact.name, "main") if artifact else None
    before = head.files if head else ()
    files = [ListedFile(each.path, each.size, _decoded(each.start)) for each in body.files]
    mistakes += _card_mistakes(hub, caller, target, artifact, before, texts, {each.path for each in files})
    mistakes += file_mistakes(
        files, _policy(hub, target if may_publish else None, artifact), {each.path for each in before}
    )
    if not files:
        mistakes.append(Mistake("", 0, "choose a folder or files to upload."))
    if target is not None and may_publish:  # Otherwise the quota of the owner is not the caller's business.
        mistakes += _room(hub, target, files, before)
    found = {
        "mistakes": [{"file": each.file, "line": each.line, "text": each.text} for each in mistakes],
        "exists": artifact is not None,
        "is_dataset": bool(target and target.is_dataset),
        "repository": target.repository if target else "",
        "page": page_path(artifact) if artifact else f"/{target}" if target else "",
        "head": commit_id(head.id) if head else "",
        "private": artifact.private if artifact else None,
        "new_card": "" if _has_card(texts, before) else new_card(body.name or "mulan-yo"),
    }
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _card_mistakes(
    hub: LocalHub,
    caller: Caller,
    target: ArtifactName | None,
    artifact: Artifact | None,
    before: tuple[File, ...],
    texts: dict[str, str],
    sent: set[str],
) -> list[Mistake]:
    """Return the mistakes of the card and the variants as they will be: those of the artifact, replaced by those of the folder."""
    name = target or ArtifactName("this", "folder")
    if FILE in sent - texts.keys():  # Too long to be sent: `file_mistakes` reports its size.
        return []
    readers = caller.readers()
    if artifact is not None and not any(is_described_by(path) for path in sent):
        return []
    folders = folders_above([*sent, *(each.path for each in before)])
    above = {path.rpartition("/")[0] for path in texts} & (sent | {each.path for each in before})
    valid = {
        path: text
        for path, text in texts.items()
        if _is_plain_path(path) and path not in folders and path.rpartition("/")[0] not in above
    }
    try:
        with overlaid(hub, before, valid) as folder:
            card = folder / FILE
            text = card.read_text(encoding="utf-8-sig", errors="replace") if card.is_file() else ""
            is_plain = artifact is not None and artifact.kind in {PLAIN, DATASET} and not is_ours(text)
            return card_mistakes(folder, name, lambda base: hub.registry.get(base, readers), is_plain=is_plain)
    except HubError as error:  # A card of the head that is damaged.
        return [Mistake(FILE, 0, str(error))]


def _is_plain_path(path: str) -> bool:
    """Return whether a card or a configuration has a path that can be written; others are mistakes of `file_mistakes`."""
    try:
        check_path(path)
    except InvalidName:
        return False
    return True


def _policy(hub: LocalHub, target: ArtifactName | None, artifact: Artifact | None) -> str:
    if artifact is not None:
        return policy_of(artifact, hub.registry)
    return file_policy(hub.registry.database, target.owner if target else "")


def _room(hub: LocalHub, target: ArtifactName, files: list[ListedFile], before: tuple[File, ...]) -> list[Mistake]:
    """Return that the folder is too large for the quota or the disk, or nothing."""
    known = {each.path: each.size_bytes for each in before}
    added = sum(each.size_bytes for each in files if known.get(each.path) != each.size_bytes)
    try:
        require_room(hub, target, {}, unknown_bytes=added)
    except HubError as error:
        return [Mistake("", 0, str(error))]
    return []


def _has_card(texts: dict[str, Any], before: tuple[File, ...]) -> bool:
    return FILE in texts or any(each.path == FILE for each in before)


def _decoded(start: str) -> bytes:
    try:
        return base64.b64decode(start, validate=True)
    except ValueError:  # Includes binascii.Error.
        return b""
