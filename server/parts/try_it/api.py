"""`/api/v1/try`: generate images of a prompt, follow a job, cancel it, and fetch its images."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.errors import InvalidRequest, MissingExtra
from hub.generation.requests import GenerationRequest
from hub.languages import parse_language
from hub.local import LocalHub
from hub.registry.accounts.permissions import Caller
from server.auth.access import Hub
from server.auth.browser_session import client_address
from server.auth.caller import caller_of
from server.http.response_bodies import Body
from server.http.urls import Segment
from server.openapi.document import documented
from server.pages.formatting import short_name
from server.parts.try_it.choices import choose_base, make_request, offered_bases
from server.parts.try_it.service import MAX_WAIT_S, Client
from server.parts.try_it.typed_prompt import MAX_SEED, check_prompt
from server.rates import network_of

WAIT_S = 20.0
"""Default time that a request for a job waits for a change."""
_NEEDED = ("torch", "diffusers", "transformers")
_ID = "Yl3sF0Qb3nJv0h2gk9TqWQ"


class UnknownJob(InvalidRequest):
    """The job does not exist, or its images were dropped."""

    status = 404


class TryRequest(BaseModel):
    """A prompt, and the base and modules to use."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    prompt: str = Field(examples=["ọkàn pupa"])
    language: str = Field(description="Language of the prompt, as a BCP-47 tag or a name.", examples=["yo"])
    base: str = Field(default="", description="Name of the base; empty for the first that this server offers.")
    modules: list[Annotated[str, Field(max_length=300)]] = Field(
        default_factory=list,
        max_length=50,
        description="`name` or `name@revision`, one image each.",
        examples=[["mulan-yo"]],
    )
    raw: bool = Field(default=True, description="Whether to generate an image with the base alone, too.")
    seed: int = Field(default=0, ge=0, le=MAX_SEED)


class TryColumnBody(Body):
    """One image of a job."""

    module: str = Field(description="`owner/name`; empty for the base alone.")
    revision: str
    heading: str = Field(examples=["mulan-yo"])
    step: int = Field(description="Finished denoising steps.")
    steps: int
    done: bool
    image: str | None = Field(description="Path of the PNG file, whose text fields say how it was generated.")
    text: str = Field(
        description="The translation that was used as the prompt, or the reason if there is no image; usually empty."
    )
    seconds: float | None


class TryBody(Body):
    """A job: a prompt, and the images of the base and the modules."""

    id: str = Field(examples=[_ID])
    state: str = Field(examples=["waiting", "running", "done", "failed", "cancelled"])
    problem: str = Field(description="Why it failed; usually empty.")
    version: int = Field(description="Grows with every change: pass it as `after` to wait for the next one.")
    position: int = Field(description="Number of jobs before it, while it waits.")
    prompt: str
    language: str
    base: str
    base_revision: str
    seed: int
    columns: list[TryColumnBody]
    page: str = Field(description="Path of its page.", examples=[f"/try/{_ID}"])
    share: str = Field(
        description="Path of the page with the same prompt, base, modules and seed, which does not expire."
    )


async def create_try(request: Request, hub: Hub, body: TryRequest) -> TryBody:
    """Generate images of a prompt.

    The response is the job, which waits until a process is free. A request that is equal to one of yours returns that job.

    Raises UnknownArtifact, UnknownLanguage, DoesNotFit, InvalidRequest, RateLimited and NotServed.
    """
    wanted, caller = await run_in_threadpool(_wanted, request, hub, body)
    return await submit(request, caller, wanted)


def _wanted(request: Request, hub: LocalHub, body: TryRequest) -> tuple[GenerationRequest, Caller]:
    caller = caller_of(request, hub)
    language = parse_language(body.language)
    prompt = check_prompt(body.prompt, language)
    base = choose_base(offered_bases(hub, caller), hub, body.base)
    wanted = make_request(
        hub, caller, prompt=prompt, language=language, base=base, modules=body.modules, raw=body.raw, seed=body.seed
    )
    return wanted, caller


async def get_try(
    request: Request,
    job: Segment,
    after: Annotated[int, Query(ge=0, le=10**9, description="The `version` that is known; 0 does not wait.")] = 0,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for a change.")] = WAIT_S,
) -> TryBody:
    """Return a job. With `after`, wait up to `wait` seconds until its version is larger.

    Raises UnknownJob.
    """
    return job_body(await _ask(request, "get", job=job, after=after, wait_s=wait if after else 0))


async def cancel_try(request: Request, job: Segment) -> TryBody:
    """Cancel a job. Its finished images stay available for a while.

    Raises UnknownJob.
    """
    return job_body(await _ask(request, "cancel", job=job))


async def get_try_image(request: Request, job: Segment, column: int) -> Response:
    """Return the image of a column as PNG.

    Raises UnknownJob.
    """
    png = b64decode(await _ask(request, "image", job=job, column=column))
    # It can be of a private module, so no shared cache keeps it. The page names the file that a visitor downloads.
    return Response(png, 200, {"Cache-Control": "private, max-age=3600, immutable"}, "image/png")


async def submit(request: Request, caller: Caller, wanted: GenerationRequest) -> TryBody:
    """Submit a request for a visitor: an account, or the network of an address."""
    if missing := missing_libraries():
        raise missing
    visitor = f"account {caller.account.id}" if caller.account else f"address {network_of(client_address(request))}"
    return job_body(await _ask(request, "submit", visitor=visitor, request=wanted.to_json()))


def missing_libraries() -> MissingExtra | None:
    """Return the error of an installation that cannot generate images, without importing what generates them."""
    return MissingExtra("load", "image generation") if any(find_spec(each) is None for each in _NEEDED) else None


async def _ask(connection: Request, do: str, **values: Any) -> Any:
    client: Client = connection.app.state.try_it
    found = await client.ask(do, **values)
    if found is None:
        raise UnknownJob("these images are no longer available: generate them again.")
    return found


def job_body(job: dict[str, Any]) -> TryBody:
    """Return a job as the service describes it."""
    wanted = GenerationRequest.from_json(job["request"])
    columns = [
        TryColumnBody(
            module=module.name if module else "",
            revision=module.revision if module else "",
            heading=short_name(module.name) if module else f"{short_name(wanted.base.name)} alone",
            step=each["step"], steps=each["steps"], done=each["done"], text=each["text"], seconds=each["seconds"],
            image=f"/api/v1/try/{job['id']}/images/{place}" if each["image"] else None,
        )
        for place, (module, each) in enumerate(zip(wanted.columns, job["columns"], strict=True))
    ]  # fmt: skip
    return TryBody(
        id=job["id"], state=job["state"], problem=job["problem"], version=job["version"], position=job["position"],
        prompt=wanted.prompt, language=wanted.language, base=short_name(wanted.base.name), base_revision=wanted.base.revision,
        seed=wanted.seed, columns=columns, page=f"/try/{job['id']}",
        share=share_path(
            wanted.prompt, wanted.language, short_name(wanted.base.name),
            [short_name(each.name) for each in wanted.columns if each], raw=None in wanted.columns, seed=str(wanted.seed),
        ),
    )  # fmt: skip


def share_path(prompt: str, language: str, base: str, modules: Sequence[str] | None, *, raw: bool, seed: str) -> str:
    """Return the path of the page with these choices; with None, the page proposes modules."""
    single = {"prompt": prompt, "lang": language, "base": base, "seed": seed, "raw": "" if raw else "0"}
    pairs = [(key, value) for key, value in single.items() if value]
    adapters = () if modules is None else modules or ("",)
    return f"/try?{urlencode([*pairs, *(('adapter', each) for each in adapters)])}"


_EXAMPLE = {
    "id": _ID, "state": "running", "problem": "", "version": 14, "position": 0, "prompt": "ọkàn pupa", "language": "yo",
    "base": "emoji-sd", "base_revision": "093a4dec3bcc187a076b5568061c7c6affadd84c1de0d429220fc2d3af01e196", "seed": 7,
    "columns": [
        {
            "module": "linguahub/mulan-yo", "revision": "cf7a691242aa001f2f88232b599b46b7e62b4473270a14bec969ba36143c6f6e",
            "heading": "mulan-yo", "step": 12, "steps": 20, "done": False, "image": None, "text": "", "seconds": None,
        }
    ],
    "page": f"/try/{_ID}",
    "share": "/try?prompt=%E1%BB%8Dk%C3%A0n+pupa&lang=yo&base=emoji-sd&seed=7&raw=0&adapter=mulan-yo",
}  # fmt: skip
_try = partial(documented, tag="try")
ROUTES = (
    _try("POST", "/try", create_try, TryBody, status=202, errors=(403, 404, 501), example=_EXAMPLE),
    _try("GET", "/try/{job}", get_try, TryBody, errors=(404, 501), example=_EXAMPLE),
    _try("DELETE", "/try/{job}", cancel_try, TryBody, errors=(404, 501)),
    _try("GET", "/try/{job}/images/{column}", get_try_image, None, errors=(404, 501), media="image/png"),
)
"""The routes of the API."""
