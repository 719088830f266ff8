"""/recommend: a form for recommendations of what to load or train for languages on a base."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.advice.recommend import Question, as_json, known_needs, recommend
from hub.errors import InvalidRequest
from hub.languages import parse_language
from hub.records import Query
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages.rendering import render

MAX_BASES = 200
"""Bases of the list beside the form."""
_NUMBERS = ("budget", "max_vram")
_LONGEST = 200


def show_recommendation(request: Request, hub: Hub) -> Response:
    """Show the form, and the answer if it was filled in. What was typed stays in the form beside a message."""
    readers = caller_of(request, hub).readers()
    given = request.query_params
    typed = {name: given.get(name, "").strip()[:_LONGEST] for name in ("language", "base", *_NUMBERS)}
    typed["language"] = typed["language"] or given.get("lang", "").strip()[:_LONGEST]  # As pages and commands call it.
    needs = tuple(each[:_LONGEST] for each in given.getlist("need") if each)
    found: dict[str, Any] | None = None
    problem, status = "", 200
    if typed["language"] and typed["base"]:
        try:
            question = _question(typed, needs, readers)
            found = as_json(recommend(hub.registry, hub.store, question))
        except InvalidRequest as error:
            problem, status = str(error), error.status
    bases = hub.registry.find(Query(kind="base", sort="name", limit=MAX_BASES, readers=readers, scores="best")).items
    context = {
        "typed": typed, "chosen": needs, "needs": known_needs(), "bases": [each.name for each in bases], "found": found, "problem": problem,
    }  # fmt: skip
    return render("choose/recommend.html", context, request=request, status=status)


def _question(typed: dict[str, str], needs: tuple[str, ...], readers: tuple[str, ...] | None) -> Question:
    """Return the question of a form. Raises UnknownLanguage and InvalidRequest."""
    numbers: dict[str, float | None] = {}
    for name in _NUMBERS:
        try:
            numbers[name] = float(typed[name]) if typed[name] else None
        except ValueError:
            raise InvalidRequest(f"`{typed[name]}` is not a number.") from None
    languages = [parse_language(each.strip()) for each in typed["language"].split(",") if each.strip()]
    return Question(
        languages=tuple(dict.fromkeys(languages)), base=typed["base"], needs=needs, readers=readers, budget=numbers["budget"],
        max_vram=numbers["max_vram"],
    )  # fmt: skip
