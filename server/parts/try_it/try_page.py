"""The page `/try`: a form, and the images of a job beside each other as they are generated.

The address holds what was chosen, so that it can be shared. Without JavaScript the form redirects to the page of the job, which
reloads until the images are there; `static/try.js` follows the job instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, InvalidRequest, NotServed
from hub.generation.requests import GenerationRequest
from hub.languages import parse_language
from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.accounts.permissions import Caller
from server.auth.access import Hub
from server.auth.browser_session import new_csrf_token, remember
from server.auth.caller import caller_of
from server.auth.csrf_forms import CSRF_FIELD, checked_form, form_fields
from server.http.response_bodies import json_response
from server.http.routing import RouteSpec
from server.http.urls import Segment
from server.pages import formatting
from server.pages.formatting import short_name
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.rendering import render
from server.parts.try_it.api import TryBody, UnknownJob, get_try, missing_libraries, share_path, submit
from server.parts.try_it.choices import LAB, NO_BASE, choose_base, make_request, module_choices, offered_bases, proposed
from server.parts.try_it.service import Client
from server.parts.try_it.typed_prompt import (
    MAX_CHARACTERS,
    MAX_SEED,
    check_prompt,
    check_seed,
)
from server.site.example_prompts import all_examples, examples_of

DEFAULT_LANGUAGE = "yo"
_MODULE = "adapter:"
"""Prefix of the names of checkboxes, which end in the name of a module."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The contents of the form, unchecked."""

    prompt: str = ""
    language: str = ""
    base: str = ""
    modules: tuple[str, ...] | None = None
    """None for what the page proposes."""
    raw: bool = True
    seed: str = "0"

    @classmethod
    def from_query(cls, request: Request) -> Typed:
        """Read the address of a shared page."""
        query = request.query_params
        modules = tuple(filter(None, query.getlist("adapter"))) if "adapter" in query else None
        return cls(
            query.get("prompt", ""), query.get("lang", ""), query.get("base", ""), modules,
            query.get("raw", "") != "0", query.get("seed", "0"),
        )  # fmt: skip

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> Typed:
        """Read a submitted form."""
        modules = tuple(name.removeprefix(_MODULE) for name in fields if name.startswith(_MODULE))
        return cls(
            fields.get("prompt", ""), fields.get("lang", ""), fields.get("base", ""), modules, "raw" in fields,
            fields.get("seed", "0"),
        )  # fmt: skip

    @classmethod
    def from_job(cls, job: TryBody) -> Typed:
        """Return what the form contained when it was submitted."""
        modules = tuple(each.module for each in job.columns if each.module)
        return cls(
            job.prompt, job.language, job.base, modules, any(not each.module for each in job.columns), str(job.seed)
        )

    @property
    def share(self) -> str:
        """The path of the page with the same choices."""
        modules = None if self.modules is None else [short_name(each) for each in self.modules]
        return share_path(self.prompt, self.language, self.base, modules, raw=self.raw, seed=self.seed)


async def show_try(request: Request, hub: Hub) -> Response:
    """Show the form, filled from the address."""
    return await _page(request, hub, Typed.from_query(request))


async def show_job(request: Request, hub: Hub, job: Segment) -> Response:
    """Show a job. One that was dropped leaves the form, filled from the address."""
    try:
        found = await get_try(request, job)
    except UnknownJob as error:
        return await _page(request, hub, Typed.from_query(request), problem=error)
    return await _page(request, hub, Typed.from_job(found), job=found)


async def start_try(request: Request, hub: Hub, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Response:
    """Start a job and redirect to it; return it as JSON to the script of the page. A form with a problem is shown again, as typed."""
    typed, wants_json = Typed.from_fields(fields), "application/json" in request.headers.get("accept", "")
    try:
        wanted, caller = await run_in_threadpool(_check, request, hub, typed, fields)
        if wanted is None:
            return RedirectResponse(replace(typed, modules=None).share, SEE_OTHER)
        job = await submit(request, caller, wanted)
    except HubError as error:
        if wants_json or (error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NotServed)):
            raise
        return await _page(request, hub, typed, problem=error)
    if wants_json:
        return json_response(job.model_dump(), 202, {"Cache-Control": "no-store"})
    query = typed.share.partition("?")[2]
    return RedirectResponse(f"{job.page}?{query}", SEE_OTHER)


def _check(
    request: Request, hub: LocalHub, typed: Typed, fields: dict[str, str]
) -> tuple[GenerationRequest | None, Caller]:
    """Return the request of a form, None if its button only changes language or base, and the caller."""
    # The token is removed from a copy: the same fields may be shown again, with a new one.
    form = checked_form(request, hub, dict(fields))
    caller = form.session.caller if form.session else caller_of(request, hub)
    if "update" in fields:
        return None, caller
    language = parse_language(typed.language)
    prompt = check_prompt(typed.prompt, language)
    base = choose_base(offered_bases(hub, caller), hub, typed.base)
    wanted = make_request(
        hub, caller, prompt=prompt, language=language, base=base, modules=typed.modules or (), raw=typed.raw,
        seed=check_seed(typed.seed),
    )  # fmt: skip
    return wanted, caller


async def _page(
    request: Request, hub: LocalHub, typed: Typed, *, job: TryBody | None = None, problem: HubError | None = None
) -> Response:
    context, base, secret = await run_in_threadpool(_context, request, hub, typed)
    problem = problem or context.pop("problem")
    client: Client = request.app.state.try_it
    query = request.query_params
    missing, device = missing_libraries(), ""
    try:
        if missing is None and base is not None:
            revision = base.revision if base.weights_digest else ""
            await client.ask("prepare", base={"name": str(base.name), "revision": revision})
        status = await client.ask("status")
        device, unavailable = status["device"], status["unavailable"]
    except HubError as error:
        unavailable = str(error)
    context |= {
        "job": job,
        "problem": problem,
        "unavailable": str(missing or "") or unavailable or (NO_BASE if base is None else ""),
        "device": device,
        # The script starts the job of a shared link, but not of a prompt that is still being typed. A crawler starts nothing.
        "starts": "adapter" in query and "draft" not in query and bool(typed.prompt) and not (job or problem),
    }
    page = render("try.html", context, request=request, status=problem.status if problem else 200, headers=FORM_HEADERS)
    remember(request, page, secret)
    return page


def _context(request: Request, hub: LocalHub, typed: Typed) -> tuple[dict[str, Any], Artifact | None, str]:
    """Return the content of the form, the base, and the secret of a new visitor."""
    caller, problem = caller_of(request, hub), None
    bases = offered_bases(hub, caller)
    language, base = _preferred_language(request), bases[0] if bases else None
    try:
        language = parse_language(typed.language) if typed.language else language
        base = choose_base(bases, hub, typed.base) if bases else None
    except InvalidRequest as error:
        problem = error
    choices = module_choices(hub, caller, base, language) if base is not None else []
    names = proposed(choices) if typed.modules is None else list(typed.modules)
    known = {
        alias: str(each.artifact.name)
        for each in choices
        for alias in (str(each.artifact.name), each.artifact.name.name)
    }
    csrf_token, secret = new_csrf_token(request, hub)
    context = {
        "typed": replace(typed, language=language, base=short_name(base.name) if base else "", modules=tuple(names)),
        "language": formatting.language(language),
        "languages": sorted(map(formatting.language, {*all_examples(), language}), key=lambda each: each.english),
        "bases": bases,
        "is_lab": base is not None and base.name.name in LAB,
        "choices": choices,
        "chosen": {known.get(name, name) for name in names},
        # Modules of a link that the list lacks: pinned to a revision, or for another language.
        "others": [name for name in names if name not in known],
        "examples": examples_of(language),
        "csrf_field": CSRF_FIELD,
        "csrf_token": csrf_token,
        "max_characters": MAX_CHARACTERS,
        "max_seed": MAX_SEED,
        "problem": problem,
    }
    return context, base, secret


def _preferred_language(request: Request) -> str:
    """Return the first of the browser's languages that has examples and is not English, which bases read by themselves."""
    for part in request.headers.get("accept-language", "")[:200].split(","):
        tag = part.partition(";")[0].strip()
        for each in (tag, tag.partition("-")[0]):
            if each in all_examples() and each != "en":
                return each
    return DEFAULT_LANGUAGE


ROUTES = (
    RouteSpec("GET", "/try", show_try),
    RouteSpec("POST", "/try", start_try),
    RouteSpec("GET", "/try/{job}", show_job),
)
"""The routes of the page."""
