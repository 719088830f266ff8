"""Example images of an artifact: those that its card lists as `widget`, as on the Hugging Face Hub, else images among its files.

An entry has a prompt, `text`, the path of an image, `output.url`, and `parameters` such as the seed. Two more keys are ours:
`without.url` is the image of the same prompt and seed without the module, and `language` the tag of the prompt. Only files of the same
revision are shown: addresses of other hosts would reveal the page's readers to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import HubError
from hub.names import check_path
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import files_in, find_files
from hub.registry.database.database import Database
from server.http.urls import file_path
from server.pages import formatting
from server.protocol.read.resolve import is_image

MAX_EXAMPLES = 12
"""Entries of a card that are shown."""
MAX_SEARCHED = 200
"""Files of each folder among which images are looked for, if the card lists none."""
MAX_TEXT = 300
"""Characters of a prompt and of a title."""
FOLDERS = ("", "images", "samples")
_TAG = re.compile(r"[A-Za-z0-9-]{2,35}")
_ADDRESS = re.compile(r"https?://[^/]+/(?:datasets/)?[^/]+/[^/]+/(?:resolve|raw)/[^/]+/(.+)")
"""The address of a file of a repository on a hub. Its path is looked up in this revision, whatever host and repository it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt with its image."""

    image: str
    """URL."""
    file: File | None = None
    """The file of `image`, if the card lists it."""
    without: str = ""
    """URL of the image without the module; empty if there is none."""
    text: str = ""
    language: formatting.LanguageName | None = None
    title: str = ""
    seed: int | None = None
    parameters: str = ""
    """All parameters of the image as JSON, to compare them with those of other images; empty if the card has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    text: str
    title: str
    tag: str
    image: str
    without: str
    seed: int | None
    parameters: str


def listed_examples(
    database: Database, artifact: Artifact, shown: Revision, front_matter: Mapping[str, Any]
) -> list[Example]:
    """Return the examples of the card whose images are files of the revision."""
    entries = list(_entries(front_matter.get("widget")))
    paths = {path for entry in entries for path in (entry.image, entry.without) if path}
    found = find_files(database, shown.id, sorted(paths)) if paths else {}

    def url(path: str) -> str:
        return file_path(artifact, shown, path) if path in found else ""

    return [
        Example(
            image=url(entry.image), file=found[entry.image], without=url(entry.without), text=entry.text, title=entry.title,
            language=formatting.language(entry.tag) if entry.tag else None, seed=entry.seed, parameters=entry.parameters,
        )
        for entry in entries
        if entry.image in found
    ]  # fmt: skip


def other_images(database: Database, artifact: Artifact, shown: Revision, prose: str) -> list[Example]:
    """Return images at the top and in usual folders, except those that the card's prose shows."""
    pages = (files_in(database, shown.id, folder, recursive=False, after="", limit=MAX_SEARCHED) for folder in FOLDERS)
    urls = (
        (file.path, file_path(artifact, shown, file.path)) for page in pages for file in page if is_image(file.path)
    )
    return [Example(image=url, title=path) for path, url in urls if url not in prose][:MAX_EXAMPLES]


def _entries(widget: Any) -> Iterator[_Entry]:
    for each in (widget if isinstance(widget, list) else [])[:MAX_EXAMPLES]:
        image = _path(each, "output")
        if image:
            tag = _text(each, "language")
            parameters = each.get("parameters")
            seed = parameters.get("seed") if isinstance(parameters, dict) else None
            yield _Entry(
                text=_text(each, "text"), title=_text(each, "example_title"), tag=_parsed(tag), image=image,
                without=_path(each, "without"), seed=seed if type(seed) is int else None,
                parameters=json.dumps(parameters, sort_keys=True) if isinstance(parameters, dict) else "",
            )  # fmt: skip


def _path(entry: Any, key: str) -> str:
    """Return the path of an image in the repository; empty without a valid one."""
    output = entry.get(key) if isinstance(entry, dict) else None
    url = output.get("url") if isinstance(output, dict) else None
    if not isinstance(url, str):
        return ""
    address = _ADDRESS.fullmatch(url)
    path = address[1] if address else url.removeprefix("./")
    try:
        check_path(path)
    except HubError:
        return ""
    return path if is_image(path) else ""


def _text(entry: dict[str, Any], key: str) -> str:
    found = entry.get(key)
    return " ".join(found.split())[:MAX_TEXT] if isinstance(found, str) else ""


def _parsed(tag: str) -> str:
    """Return a valid BCP-47 tag; empty for anything else. Names of languages are not looked up, which is slow for unknown ones."""
    from langcodes import tag_is_valid

    return tag if _TAG.fullmatch(tag) and tag_is_valid(tag) else ""
