"""POST /api/validate-yaml: check a card before it is uploaded."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.cards import read_card
from hub.cards.card import FILE, NAMESPACE
from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from hub.names import ArtifactName

_ANY = ArtifactName("this", "repository")


class CardText(BaseModel):
    """Body of the request."""

    content: str
    repoType: str | None = "model"


def validate_card(body: CardText) -> Response:
    """Return 200 with warnings, or 400 with errors, for which the client raises ValueError."""
    if not body.content.lstrip("\ufeff").startswith("---"):
        return JSONResponse({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    try:
        front_matter, _ = split_front_matter(body.content.lstrip("\ufeff"))
        if NAMESPACE in front_matter:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, FILE).write_text(body.content, encoding="utf-8", errors="replace")
                read_card(Path(folder), _ANY)
    except InvalidCard as error:
        return JSONResponse({"errors": [{"message": str(error)}], "warnings": [], "error": str(error)}, 400)
    return JSONResponse({"errors": [], "warnings": []})
