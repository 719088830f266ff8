"""Render the card of a revision: front matter as JSON, prose as HTML.

The prose is untrusted Markdown. HTML in it is shown as text, links get `nofollow`, and only images from the artifact's own
files are shown, so that no third party learns who reads a card.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from hub.cards.card import FILE
from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from hub.records import File, Revision
from hub.store import BlobStore
from hub.store.read_whole import read_whole

_RECIPE = re.compile(r"^ {4}(hub train \S.*)$", re.MULTILINE)
"""The command as `hub train` writes it into cards: indented code."""
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#", re.IGNORECASE)


def front_matter_of(store: BlobStore, files: Iterable[File]) -> dict[str, Any] | None:
    """Return the card's YAML as JSON values; None without a readable card."""
    found, _ = _read(store, files)
    return _in_json(found, set()) if found else None


def prose(store: BlobStore, revision: Revision, url_of: Callable[[str], str]) -> Markup:
    """Return the card's prose as HTML, or why it cannot be read. `url_of` turns a path in the repository into a URL."""
    if any(file.path == FILE and not store.holds(file.digest, file.size_bytes) for file in revision.files):
        return Markup("<p>{}</p>").format(f"The stored bytes of {FILE} are damaged: push it again.")
    _, text = _read(store, revision.files)
    rendered = _markdown().render(text, {"url_of": url_of})
    return Markup(rendered)  # noqa: S704 - the renderer escapes every text and passes no HTML through


def recipe(store: BlobStore, revision: Revision) -> str:
    """Return the `hub train` command in the card, which recreates the weights; empty without one."""
    _, text = _read(store, revision.files)
    found = _RECIPE.search(text)
    return found[1] if found else ""


def _read(store: BlobStore, files: Iterable[File]) -> tuple[dict[str, Any], str]:
    """Return front matter and prose; both are empty without a card, the front matter also if it is invalid."""
    for file in files:
        if file.path == FILE:
            text = (read_whole(store, file.digest, file.size_bytes) or b"").decode("utf-8-sig", "replace")
            try:
                return split_front_matter(text)
            except InvalidCard:
                return {}, text
    return {}, ""


def _in_json(value: Any, seen: set[int]) -> Any:
    """Return `value` as JSON values: dates, binary data, NaN and infinity become text.

    The second and later uses of a YAML alias become null: a few lines of aliases can expand to gigabytes.
    """
    if isinstance(value, dict | list):
        if id(value) in seen:
            return None
        seen.add(id(value))
        if isinstance(value, list):
            return [_in_json(each, seen) for each in value]
        return {str(key): _in_json(each, seen) for key, each in value.items()}
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


@cache
def _markdown() -> MarkdownIt:
    """Return a parser of CommonMark with tables and strike-through."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.add_render_rule("link_open", _link)
    markdown.add_render_rule("image", _image)
    for tag in ("heading_open", "heading_close"):
        markdown.add_render_rule(tag, _heading)
    for tag in ("paragraph_open", "list_item_open", "td_open", "th_open", "blockquote_open"):
        markdown.add_render_rule(tag, _block)
    return markdown


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    token = tokens[index]
    token.attrSet("href", _address(str(token.attrGet("href") or ""), env))
    token.attrSet("rel", "nofollow noopener")
    return self.renderToken(tokens, index, options, env)


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render an image of the repository; for an external image, only its alternative text."""
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    token.attrSet("alt", self.renderInlineAsText(token.children or [], options, env))
    if _ABSOLUTE.match(source):
        return f"[{Markup.escape(token.attrGet('alt'))}]"
    token.attrSet("src", _address(source, env))
    token.attrSet("loading", "lazy")
    return self.renderToken(tokens, index, options, env)


def _heading(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a heading two levels lower: the page itself uses `h1` and `h2`."""
    tokens[index].tag = f"h{min(6, int(tokens[index].tag[1]) + 2)}"
    return _block(self, tokens, index, options, env)


def _block(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a block whose text direction follows its first letters."""
    if tokens[index].nesting == 1:
        tokens[index].attrSet("dir", "auto")
    return self.renderToken(tokens, index, options, env)


def _address(target: str, env: MutableMapping[str, Any]) -> str:
    if not target or _ABSOLUTE.match(target):
        return target
    return str(env["url_of"](unquote(target).removeprefix("./")))
