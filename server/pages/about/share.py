"""GET …/share.png: the images that other sites show beside links to artifacts and languages (https://ogp.me)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from hub.languages import MULTILINGUAL, autonym, language_name, parse_language
from hub.local import LocalHub
from hub.records import Artifact, Query
from hub.store.read_whole import read_whole
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages import formatting
from server.pages.artifact.frame import find_shown
from server.pages.examples.card_examples import Example
from server.pages.examples.visible_examples import visible_examples

MAX_SAMPLE_BYTES = 4 << 20
"""Larger sample images are left out."""
SEARCHED = 3
"""Modules of a language whose cards are searched for an image."""


def share_artifact(request: Request, hub: Hub) -> Response:
    """Send the image of an artifact: its name, its summary, its languages and the first image of its card. Raises UnknownArtifact."""
    artifact = find_shown(request, hub)
    if isinstance(artifact, Response):
        return artifact
    languages = ", ".join(language_name(tag) for tag in artifact.languages[:4])
    more = f" + {len(artifact.languages) - 4}" if len(artifact.languages) > 4 else ""
    facts = " · ".join(
        filter(None, (artifact.method or artifact.kind, f"{languages}{more}", ", ".join(artifact.bases[:2])))
    )
    sample = _sample(hub, visible_examples(request, hub, artifact))
    return _answer(request, hub, _draw(str(artifact.name), artifact.summary, facts, sample))


def share_language(
    request: Request, hub: Hub, tag: Annotated[str, Path(max_length=100, description="Language tag or name.")]
) -> Response:
    """Send the image of a language: its names, the number of its artifacts and an image of its best module. Raises UnknownLanguage."""
    language = parse_language(tag)
    page = hub.registry.find(Query(language=language, limit=SEARCHED, scores="best"))  # Public ones alone.
    title = language_name(language)
    if (own := autonym(language)) != title and language != MULTILINGUAL:
        title = f"{own} · {title}"
    found = f"{formatting.grouped(page.total)} artifacts" if page.total != 1 else "One artifact"
    words = f"Text-to-image models that understand prompts in {language_name(language)}."
    return _answer(request, hub, _draw(title, words, found, _first_sample(request, hub, page.items, language)))


def _draw(title: str, words: str, facts: str, sample: bytes) -> bytes:
    from hub.images.share_image import draw_share_image  # Loads Pillow, which a server needs for these images alone.

    return draw_share_image(title, words, facts, sample)


def _first_sample(request: Request, hub: LocalHub, artifacts: Sequence[Artifact], language: str) -> bytes:
    for each in artifacts:
        examples = [
            one for one in visible_examples(request, hub, each) if one.language and one.language.tag == language
        ]
        if sample := _sample(hub, examples):
            return sample
    return b""


def _sample(hub: LocalHub, examples: Sequence[Example]) -> bytes:
    """Return the bytes of the first image; empty without one of an acceptable size."""
    file = next((each.file for each in examples if each.file and each.file.size_bytes <= MAX_SAMPLE_BYTES), None)
    return (read_whole(hub.store, file.digest, file.size_bytes) or b"") if file else b""


def _answer(request: Request, hub: LocalHub, image: bytes) -> Response:
    """Return a PNG with its ETag, or 304 if the client has it. Shared caches only keep public images."""
    is_public = caller_of(request, hub).account is None
    etag = f'"{hashlib.sha256(image).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=3600" if is_public else "private, no-cache",
        "Vary": "Cookie, Authorization",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(image, media_type="image/png", headers=headers)
