"""GET /{owner}/{name} and /{owner}/{name}/tree/{revision}: the page of an artifact."""

from __future__ import annotations

import shlex
from contextlib import suppress
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.cards.card import FILE
from hub.cards.licenses import terms_of
from hub.errors import InvalidRequest, UnknownArtifact
from hub.local import LocalHub
from hub.records import Artifact, File, Revision, Score, split_names
from hub.registry import CURATED_OWNER
from hub.registry.artifacts.files import files_in, find_files
from hub.registry.artifacts.scans import scans_in
from hub.registry.parts import origin_of
from server.auth.access import Hub, get_by_any_name, is_dataset_request, requested_name, stand_ins_of
from server.auth.caller import caller_of
from server.http.card import front_matter_of, prose, recipe
from server.http.urls import Segment, absolute, commit_id, file_path, page_path
from server.pages import formatting
from server.pages.access_request import gate_of
from server.pages.files import shown_revision
from server.pages.rendering import render
from server.protocol.read.resolve import is_image

SHOWN_REVISIONS = 20
MAX_LINKED = 20
"""Maximum number of encoders and bases whose pages are looked up."""
SHOWN_FILES = 1000
"""Files of which the page lists those at the top first; the API lists all of them."""


def show_artifact(request: Request, hub: Hub, revision: Segment = "") -> Response:
    """Show the artifact at its newest revision, or at the one in the path."""
    if owner := _owner(request, hub):
        return RedirectResponse(f"/?{urlencode({'owner': owner})}", 307)
    name = requested_name(request)
    try:
        artifact = get_by_any_name(hub, name, request, is_dataset=is_dataset_request(request) or None)
    except UnknownArtifact:
        bare = name.removeprefix(f"{CURATED_OWNER}/")
        if "/" in bare or not hub.registry.stand_ins(bare, readers=()):
            raise
        return RedirectResponse(f"/?{urlencode({'text': bare})}", 307)
    if not request.url.path.startswith(page_path(artifact)):
        # A bare name, or a dataset without its prefix: redirect to the canonical URL.
        tail = (
            f"/tree/{commit_id(hub.registry.revision(artifact.name, revision, with_files=False).id)}"
            if revision
            else ""
        )
        return RedirectResponse(page_path(artifact) + tail, status_code=307)
    shown = shown_revision(hub, artifact, revision or "main")
    card = find_files(hub.registry.database, shown.id, [FILE]).get(FILE)
    # A module without weights cannot be loaded, so its page shows the command that recreates them.
    is_card_only = artifact.method and not artifact.weights_digest and not artifact.upstream
    recreate_command = recipe(hub.store, card) if is_card_only else ""
    context = {
        "artifact": artifact,
        "shown": shown,
        "is_head": not artifact.revision or shown.id == artifact.revision,
        "languages": [formatting.language(tag) for tag in artifact.languages],
        "encoders": split_names(artifact.encoder or ""),
        "pages": _pages(hub, artifact, caller_of(request, hub).readers()),
        "score_tables": _score_tables(artifact),
        "recipe": recreate_command,
        "snippets": [("In a terminal", recreate_command)]
        if recreate_command
        else _snippets(artifact, absolute(request, "")),
        "revisions": hub.registry.revisions(artifact.name, with_files=False)[:SHOWN_REVISIONS],
        "commit_id": commit_id,
        "origin": origin_of(hub.registry.database, artifact.name),
        "scans": scans_in(hub.registry.database, shown.id),
        "stand_ins": stand_ins_of(hub, artifact, request),
        **gate_of(request, hub, artifact),
        **_contents(hub, artifact, shown, card),
    }
    # Browsers only send the origin of a form if the policy of its page allows it.
    headers = {"Referrer-Policy": "same-origin"} if context["gate"] == "unrequested" else None
    return render("artifact.html", context, request=request, headers=headers)


def _owner(request: Request, hub: LocalHub) -> str:
    """Return the account in the path `/{owner}`, if it is one: accounts come before artifacts of the same bare name."""
    name = requested_name(request)
    account = hub.accounts.find(name) if "/" not in name and not is_dataset_request(request) else None
    if account is not None:
        return account.name if account.removed_at is None else ""
    return CURATED_OWNER if name == CURATED_OWNER else ""


def _pages(hub: LocalHub, artifact: Artifact, readers: tuple[str, ...] | None) -> dict[str, str]:
    """Return the paths of the pages of the artifact's encoders and bases that `readers` may see, by name as it is shown."""
    named = [*split_names(artifact.encoder or "")]
    named += [pin.name for variant in artifact.variants for pin in (*variant.encoders, variant.base)]
    pages = {}
    for name in list(dict.fromkeys(filter(None, named)))[:MAX_LINKED]:
        with suppress(InvalidRequest):
            pages[name] = page_path(hub.registry.get(name, readers))
    return pages


def _contents(hub: LocalHub, artifact: Artifact, shown: Revision, card: File | None) -> dict[str, Any]:
    """Return the card and the files, of which those of many are only the first at the top and then the first below."""
    text, is_whole = prose(hub.store, card, file_path(artifact, shown, ""))
    database = hub.registry.database
    top, below = (
        files_in(database, shown.id, "", recursive=recursive, after="", limit=SHOWN_FILES + 1)
        for recursive in (False, True)
    )
    files = sorted({*top, *below}, key=lambda file: (file.path.count("/"), file.path))
    # Images that the card shows are not repeated.
    images = [file for file in files if is_image(file.path) and file_path(artifact, shown, file.path) not in text]
    return {
        "files": files[:SHOWN_FILES],
        "images": images[:SHOWN_FILES],
        "has_more_files": len(files) > SHOWN_FILES,
        "prose": text,
        "terms": terms_of(front_matter_of(hub.store, card) or {}),
        "is_whole": is_whole,
        "card": card,
    }


def _score_tables(artifact: Artifact) -> list[tuple[str, list[Score]]]:
    """Return scores by benchmark in the order of the card. In each table, the languages of the artifact come first."""
    order = list(dict.fromkeys((score.benchmark, score.split) for score in artifact.scores))
    benchmarks = list(dict.fromkeys(benchmark for benchmark, _ in order))

    def sort_key(score: Score) -> tuple[int, bool, str, int]:
        is_foreign = bool(score.language) and score.language not in artifact.languages
        split = order.index((score.benchmark, score.split))
        return benchmarks.index(score.benchmark), is_foreign, score.language, split

    ranked = sorted(artifact.scores, key=sort_key)
    return [(benchmark, list(group)) for benchmark, group in groupby(ranked, key=lambda each: each.benchmark)]


def _snippets(artifact: Artifact, endpoint: str) -> list[tuple[str, str]]:
    """Return snippets that use the artifact, each with a heading."""
    name = formatting.short_name(artifact.name)
    shell = ("In a terminal", f"hub pull {name} --endpoint {shlex.quote(endpoint)}")
    if artifact.kind == "dataset":
        return [shell, ("With huggingface_hub", _snapshot_download(artifact, endpoint, ', repo_type="dataset"'))]
    if artifact.kind == "base":
        return [
            ("In Python", _load_pipeline(f'"{name}"')),
            shell,
            ("With diffusers", _from_pretrained(artifact, endpoint)),
        ]
    if artifact.bases:
        load = ("In Python", _load_pipeline(f'"{formatting.short_name(artifact.bases[0])}", adapter="{name}"'))
        return [shell, load] if artifact.upstream else [load, shell]
    return [shell, ("With huggingface_hub", _snapshot_download(artifact, endpoint, ""))]


def _load_pipeline(arguments: str) -> str:
    return f'from hub import load_pipeline\n\npipe = load_pipeline({arguments})\npipe("…").images[0].save("image.png")'


def _snapshot_download(artifact: Artifact, endpoint: str, repo_type: str) -> str:
    call = f'snapshot_download("{artifact.name.repository}"{repo_type}, endpoint="{endpoint}")'
    return f"from huggingface_hub import snapshot_download\n\n{call}"


def _from_pretrained(artifact: Artifact, endpoint: str) -> str:
    lines = "from diffusers import DiffusionPipeline\n\n"
    return f'# requires HF_ENDPOINT={endpoint}\n{lines}pipe = DiffusionPipeline.from_pretrained("{artifact.name}")'
