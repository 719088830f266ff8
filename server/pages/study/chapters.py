"""Find the study's report and render its Markdown: the same renderer as for cards, with a contents list and tables in boxes.

A checkout has the report in `docs/study`. A wheel has a copy beside this file, which pyproject.toml puts there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from langcodes import tag_is_valid
from markdown_it.token import Token
from markupsafe import Markup

from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from server.http.card import markdown
from server.pages import formatting
from server.pages.study.image_size import image_size
from server.site.static_files import hashed_name

ADDRESS = "/study"
FILES = f"{ADDRESS}/files"
INDEX = "index"
_INSTALLED = Path(__file__).resolve().parent / "files"
_CHECKOUT = Path(__file__).resolve().parents[3] / "docs" / "study"
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#", re.IGNORECASE)
_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?")
_VALUE = re.compile(r"[\d.,:%×$€↓↑~†‡\[\]()–\s-]+")
"""A cell that is a figure with its interval."""
_MOST = 0.5
"""More than this share of the cells in a table's head must be tags of languages: else they are words, such as `low` and `all`."""


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of the contents list."""

    id: str
    text: str
    level: int
    """2 or 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A page of the report."""

    title: str
    body: Markup
    contents: tuple[Heading, ...]
    image: str
    """URL of its first photograph-like image, for previews of links; empty without one."""


def find_report() -> Path | None:
    """Return the folder of the report; None if this installation has none."""
    return next((each for each in (_CHECKOUT, _INSTALLED) if (each / f"{INDEX}.md").is_file()), None)


def chapters(folder: Path) -> dict[str, str]:
    """Map the names of the pages to their titles, the report itself first."""
    names = sorted((each.stem for each in folder.glob("*.md")), key=lambda name: (name != INDEX, name))
    return {name: chapter(folder, name, documentation="").title for name in names}


def chapter(folder: Path, name: str, *, documentation: str) -> Chapter:
    """Render a page. `documentation`: start of the addresses of pages outside of the report; empty to write those links as text."""
    # A change of one file can change the digests in the addresses of others, so the state of the folder is the key.
    state = tuple(sorted((each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in folder.iterdir()))
    return _render(folder, name, documentation, state)


@lru_cache(maxsize=32)
def _render(folder: Path, name: str, documentation: str, _state: tuple[tuple[str, int, int], ...]) -> Chapter:
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    with suppress(InvalidCard):  # The front matter of a page is optional.
        _, text = split_front_matter(text)
    parser = markdown()
    tokens = parser.parse(text)
    title = name.capitalize()
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title, tokens = _plain(tokens[1]), tokens[3:]
    contents = tuple(_number_headings(tokens))
    _write_inline(tokens, folder, documentation)
    boxed = [*_box_tables(tokens, title)]
    images = (each.name for each in sorted(folder.glob("*.webp")) if f"]({each.name})" in text)
    first = next((f"{FILES}/{hashed_name(folder, each)}" for each in images), "")
    body = Markup(parser.renderer.render(boxed, parser.options, {}))  # noqa: S704 - the renderer escapes every text
    return Chapter(title=title, body=body, contents=contents, image=first)


def _number_headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give headings the ids that the documentation gives them, so that the report's links lead to them; yield those to list."""
    used: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type not in {"heading_open", "heading_close"}:
            continue
        token.type = token.type.replace(
            "heading", "section"
        )  # Not lowered as in a card: these are headings of the page.
        if token.nesting == -1:
            continue
        text = _plain(tokens[at + 1])
        slug = _slug(text)
        used[slug] = used.get(slug, -1) + 1
        id = f"{slug}_{used[slug]}" if used[slug] else slug
        token.attrSet("id", id)
        level = int(token.tag[1])
        if level in {2, 3}:
            yield Heading(id, text, level)


def _slug(text: str) -> str:
    """Return the id of a heading. Source: Python-Markdown's extension `toc`, which the documentation is built with."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _write_inline(tokens: Sequence[Token], folder: Path, documentation: str) -> None:
    """Replace links and images by HTML with the addresses of the server."""
    for token in tokens:
        children = token.children or []
        is_linked: list[bool] = []
        for child in children:
            if child.type == "image":
                child.content = _image(child, folder)
                child.type = "html_inline"
            elif child.type == "link_open":
                address = _address(str(child.attrGet("href") or ""), folder, documentation)
                is_linked.append(bool(address))
                child.content = str(Markup('<a href="{}">').format(address)) if address else ""
                child.type = "html_inline"
            elif child.type == "link_close":
                child.content = "</a>" if is_linked.pop() else ""
                child.type = "html_inline"


def _address(target: str, folder: Path, documentation: str) -> str:
    """Return the address of a link; empty if it is not served."""
    path, mark, anchor = target.partition("#")
    if not path or _ABSOLUTE.match(target):
        return target
    where = (folder / path).resolve()
    if where.parent == folder.resolve() and where.is_file():
        stem = "" if where.stem == INDEX else f"/{where.stem}"
        return f"{ADDRESS}{stem}{mark}{anchor}" if where.suffix == ".md" else f"{FILES}/{where.name}"
    if path.startswith("../") and path.endswith(".md") and documentation:
        page = path.removeprefix("../").removesuffix(".md").removesuffix("index")
        return f"{documentation}/{page.rstrip('/')}/{mark}{anchor}"
    return ""


def _image(token: Token, folder: Path) -> str:
    """Return an image with its size, so that the page does not move when it arrives; for one that is not here, its text."""
    source, text = str(token.attrGet("src") or ""), token.content
    path = folder / source
    if "/" in source or not path.is_file():
        return str(Markup("[{}]").format(text))
    size = image_size(path)
    sized = Markup(' width="{}" height="{}"').format(*size) if size else ""
    return str(
        Markup('<a href="{0}"><img src="{0}" alt="{1}" loading="lazy"{2}></a>').format(
            f"{FILES}/{hashed_name(folder, source)}", text, sized
        )
    )


def _box_tables(tokens: Sequence[Token], title: str) -> Iterator[Token]:
    """Yield the tokens with each table in a separate box, which scrolls, and with the headings of its rows and columns marked."""
    heading, number = title, 0
    for at, token in enumerate(tokens):
        if token.type == "section_open":
            heading, number = _plain(tokens[at + 1]), 0
        if token.type == "table_open":
            number += 1
            label = f"Table: {heading}" + (f", {number}" if number > 1 else "")
            box = Markup('<div class="scroll" tabindex="0" role="region" aria-label="{}">\n').format(label)
            yield _html(str(box))
            token.type = "grid_open"  # The box scrolls, so the table itself needs no focus.
            end = next(later for later in range(at, len(tokens)) if tokens[later].type == "table_close")
            _mark_cells(tokens[at:end])
        yield token
        if token.type == "table_close":
            yield _html("</div>\n")


def _mark_cells(tokens: Sequence[Token]) -> None:
    """Mark headings of rows and columns, and figures; write out the names of languages in the head."""
    head = {at: text for at, token in enumerate(tokens) if token.type == "th_open" and (text := _plain(tokens[at + 1]))}
    tags = {at for at, text in head.items() if _TAG.fullmatch(text) and tag_is_valid(text)}
    for at, text in head.items():
        tokens[at].attrSet("scope", "col")
        if at in tags and len(tags) > _MOST * len(head):
            named = formatting.language(text)
            own = Markup('<small><bdi lang="{0.tag}" dir="{0.direction}">{0.own}</bdi></small>').format(named)
            tokens[at + 1].children = [_html(str(Markup("{} {}").format(named.english, own)))]
    is_first = False
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            is_first = True
        elif token.type == "td_open":
            if is_first:
                token.tag = tokens[at + 2].tag = "th"
                token.attrSet("scope", "row")
            elif _VALUE.fullmatch(_plain(tokens[at + 1])):
                token.attrSet("class", "value")
            is_first = False


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _plain(token: Token) -> str:
    """Return the text of a heading or cell without its marks."""
    return "".join(child.content for child in token.children or [] if child.type in {"text", "code_inline"}).strip()
