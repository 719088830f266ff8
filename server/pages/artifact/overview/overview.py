"""GET /{owner}/{name}: the first page of an artifact."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from hub.cards.card import FILE, NAMESPACE
from hub.cards.licenses import terms_of
from hub.errors import UnknownAccount, UnknownArtifact
from hub.languages import MULTILINGUAL
from hub.local import LocalHub
from hub.records import Artifact, Revision, Score
from hub.registry import CURATED_OWNER
from hub.registry.artifacts.files import files_in, find_files
from hub.registry.artifacts.scans import scans_of
from hub.registry.index.ranking import NEVER, ranking
from hub.registry.parts import origin_of
from hub.weights.header import SUFFIX, bytes_of
from hub.weights.sizes import describe_memory
from server.auth.access import Hub, is_dataset_request, requested_name, stand_ins_of
from server.auth.caller import caller_of
from server.http.card import front_matter_of, prose, recipe
from server.http.urls import absolute, file_path
from server.pages import formatting
from server.pages.access_request import gate_of
from server.pages.artifact.frame import OVERVIEW, find_shown, render_tab, scores_path, shown_revision
from server.pages.artifact.overview.downloads import recent_downloads
from server.pages.artifact.overview.model_tree import derived_from, encoders_of, variant_facts
from server.pages.artifact.overview.snippets import Snippet, Usage, snippets, try_path, upload_command
from server.pages.catalogue.owners import show_owner
from server.pages.examples.card_examples import Example, listed_examples, other_images
from server.site.example_prompts import ENGLISH, all_examples
from server.site.navigation import TRY
from server.site.translation import gettext_noop

_FOREIGN = "yo"
"""The language of examples for a module that reads any."""
MAX_LANGUAGES = 40
"""Languages that are shown at once; the others are one click away."""
_HEADING = re.compile("(</?h)([4-6])")
MAX_FILES = 500
"""Files that are looked up for the result of scans; the page of a folder shows it for each of its files."""


def show_artifact(request: Request, hub: Hub) -> Response:
    """Show an artifact at its newest revision, with a prompt in the language `lang` of the query if it has that language."""
    if owner := _owner(request, hub):
        return show_owner(request, hub, owner)
    try:
        artifact = find_shown(request, hub)
    except UnknownArtifact as error:
        return _other_page(request, hub, error)
    if isinstance(artifact, Response):
        return artifact
    shown = shown_revision(hub, artifact, "main")
    return render_tab(
        "artifact/overview.html", OVERVIEW, request, hub, artifact, shown, _context(request, hub, artifact, shown)
    )


def _owner(request: Request, hub: LocalHub) -> str:
    """Return the account in the path `/{owner}`, if it is one: accounts come before artifacts of the same bare name."""
    name = requested_name(request)
    account = hub.accounts.find(name) if "/" not in name and not is_dataset_request(request) else None
    if account is not None:
        return account.name if account.removed_at is None else ""
    return CURATED_OWNER if name == CURATED_OWNER else ""


def _other_page(request: Request, hub: LocalHub, error: UnknownArtifact) -> Response:
    """Return the page for a name without an artifact: a search for its stand-ins, or the page of an owner without an account.

    Raises `error` if there is neither.
    """
    name = requested_name(request)
    bare = name.removeprefix(f"{CURATED_OWNER}/")
    if "/" not in bare and hub.registry.stand_ins(bare, readers=()):
        return RedirectResponse(f"/?{urlencode({'text': bare})}", 307)
    if "/" not in name and not is_dataset_request(request):
        with suppress(UnknownAccount):
            return show_owner(request, hub, name)
    raise error


def _context(request: Request, hub: LocalHub, artifact: Artifact, shown: Revision) -> dict[str, Any]:
    database, readers = hub.registry.database, caller_of(request, hub).readers()
    card = find_files(database, shown.id, [FILE]).get(FILE)
    front_matter = front_matter_of(hub.store, card) or {}
    text, is_whole = prose(hub.store, card, file_path(artifact, shown, ""))
    examples = []
    if not gate_of(request, hub, artifact)["gate"]:  # Otherwise the images are not served.
        examples = listed_examples(database, artifact, shown, front_matter) or other_images(
            database, artifact, shown, text
        )
    variants = variant_facts(hub, artifact, shown, readers)
    files = files_in(database, shown.id, "", recursive=True, after="", limit=MAX_FILES + 1)
    usage = _usage(request, artifact, shown, examples, [file.path for file in files])
    # A module without weights cannot be loaded, so its page shows the command that recreates them.
    is_card_only = artifact.method and not artifact.weights_digest and not artifact.upstream
    recreate_command = recipe(hub.store, card) if is_card_only else ""
    return {
        "examples": examples,
        "has_pairs": any(each.without for each in examples),
        "snippets": [Snippet(gettext_noop("Terminal"), recreate_command)] if recreate_command else snippets(usage),
        "recipe": recreate_command,
        "try_path": try_path(usage) if TRY in dict(request.app.state.navigation).values() else "",
        "upload_command": upload_command(usage),
        "encoders": encoders_of(hub, artifact, readers),
        "variants": variants,
        "left_out_variants": len(artifact.variants) - len(variants),
        "derived": derived_from(hub, artifact, readers),
        "languages": [formatting.language(tag) for tag in artifact.languages],
        "max_languages": MAX_LANGUAGES,
        "headline": _headline(artifact),
        "scores_path": scores_path(artifact),
        "terms": terms_of(front_matter),
        "base_memory": _base_memory(artifact, front_matter),
        "downloads": recent_downloads(hub, artifact),
        "scans": scans_of(database, files[:MAX_FILES]),
        "unread_files_after": MAX_FILES if len(files) > MAX_FILES else 0,
        "origin": origin_of(database, artifact.name),
        "stand_ins": stand_ins_of(hub, artifact, request),
        "prose": _without_title(text, artifact.name.name),
        "is_whole": is_whole,
        "card": card,
    }


def _usage(request: Request, artifact: Artifact, shown: Revision, examples: list[Example], paths: list[str]) -> Usage:
    """Return the contents of the snippets: a prompt of the card in the wanted language, if it has one. `paths`: the first files."""
    wanted = request.query_params.get("lang", "")
    own = [tag for tag in artifact.languages if tag != MULTILINGUAL]
    if not own:  # Any language: one other than English, so that the line shows the purpose of the module.
        own = [score.language for score in artifact.scores if score.language not in ("", ENGLISH)]
        own += [_FOREIGN, *all_examples()]
    tag = wanted if wanted in own else own[0]
    texts = (each.text for each in examples if each.text and each.language and each.language.tag == tag)
    files = [path for path in paths if path != FILE and not path.startswith(".")]
    weights = (path for path in files if path.endswith(SUFFIX))
    return Usage(
        artifact=artifact,
        shown=shown,
        endpoint=absolute(request, ""),
        language=tag,
        text=next(texts, ""),
        main_file=next(weights, files[0] if files else ""),
    )


def _without_title(text: Markup, name: str) -> Markup:
    """Return a rendered card without a heading that only repeats the name, and with the other headings one level higher."""
    title = Markup('<h3 dir="auto">{}</h3>').format(name)
    if not text.startswith(title):
        return text
    raised = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) - 1}", text.removeprefix(title))
    return Markup(raised)  # noqa: S704 - the renderer escapes every text, so only tags change


def _headline(artifact: Artifact) -> Score | None:
    """Return the score that lists of artifacts show and sort by; None without one."""

    def place(score: Score) -> float:
        return ranking(score, artifact.languages, artifact.name.owner)

    best = min(artifact.scores, key=place, default=None)
    return best if best is not None and place(best) < NEVER else None


def _base_memory(artifact: Artifact, front_matter: dict[str, Any]) -> str:
    """Return the memory that the weights take, as stored or from the number of parameters in the card; empty if unknown."""
    if stored := sum(bytes_of(counted) for counted in artifact.weights.values()):
        return formatting.size(stored)
    ours = front_matter.get(NAMESPACE)
    parameters = ours.get("parameters") if isinstance(ours, dict) else None
    counts = parameters.values() if isinstance(parameters, dict) else ()
    total = sum(count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count > 0)
    return describe_memory(total) if total else ""
