"""GET /study and /study/{name}: the report of `hub study`, and its files."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from server.pages import documentation
from server.pages.rendering import render
from server.pages.study.chapters import FILES, INDEX, chapter, chapters, find_report
from server.site.static_files import HashedFiles

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Content-Security-Policy of the files: plots style themselves, and no file runs anything."""


def install(app: FastAPI) -> None:
    """Serve the images and tables of the report."""
    folder = find_report()
    app.state.study = folder
    if folder is not None:
        app.mount(FILES, StudyFiles(folder), name="study")


class StudyFiles(HashedFiles):
    """The files of the report."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file or 304."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = _POLICY
        return response


def show_study(request: Request) -> Response:
    """Show the report."""
    return _show(request, INDEX)


def show_chapter(request: Request, name: Annotated[str, Path(max_length=100)]) -> Response:
    """Show another page of the report."""
    return _show(request, name)


def _show(request: Request, name: str) -> Response:
    folder = request.app.state.study
    if folder is None:
        raise HTTPException(404, "this installation does not contain the report of the study: `hub study` writes one.")
    listed = chapters(folder)
    if name not in listed:
        raise HTTPException(404, f"the study has no page `{name}`: its pages are {', '.join(listed)}.")
    address = documentation.ADDRESS if request.app.state.has_documentation else ""
    context = {
        "chapter": chapter(folder, name, documentation=address),
        "chapters": [
            ("/study" if each == INDEX else f"/study/{each}", title, each == name) for each, title in listed.items()
        ],
        "tables": sorted(each.name for each in folder.glob("*.csv")),
        "files": FILES,
    }
    return render("study/study.html", context, request=request)
