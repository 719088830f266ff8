"""Render the card of a revision: front matter as JSON, prose as HTML, once for each digest.

The prose is untrusted Markdown. HTML in it is shown as text, links get `nofollow`, and only images from the artifact's own
files are shown, so that no third party learns who reads a card.
"""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from hub.cards.card import FILE
from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from hub.names import Digest
from hub.records import File
from hub.store import BlobStore
from hub.store.read_whole import read_whole

T = TypeVar("T")
MAX_PROSE = 100_000
"""Characters of a card's prose that are shown. Measured: 0.4 s to render usual Markdown of this length, 4 s at worst."""
MAX_READ = 4 << 20
"""Largest card that is read, in bytes, as in a commit."""
_MAX_CACHED = 32 << 20
"""Maximum size of each cache, in characters of the cards in it."""
_OWN = "\0"
"""Stands for the URL of the artifact's files in cached HTML. Markdown cannot contain it: its parser replaces NUL characters."""
_RECIPE = re.compile(r"^ {4}(hub train \S.*)$", re.MULTILINE)
"""The command as `hub train` writes it into cards: indented code."""
_SCORES = re.compile(
    r"^## Scores\n\n\| Metric \| Benchmark \| Split \| .*\n\|[-| :]+\n(?:\|.*\n?)+", re.MULTILINE | re.IGNORECASE
)
"""The table as `hub train` writes it into cards. It repeats the scores of the front matter, which have a page."""
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#", re.IGNORECASE)


class CardCache(Generic[T]):
    """Values computed from cards, by digest: the most recently used ones, up to a total size."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, tuple[T, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def find(self, digest: Digest) -> T | None:
        """Return the value of a digest; None if it is unknown."""
        with self._lock:
            if digest not in self._known:
                return None
            self._known.move_to_end(digest)
            return self._known[digest][0]

    def keep(self, digest: Digest, value: T, size: int) -> T:
        """Keep and return a value. `size` is a number of characters."""
        with self._lock:
            self._size += size - self._known.pop(digest, (value, 0))[1]
            self._known[digest] = value, size
            while self._size > _MAX_CACHED:
                self._size -= self._known.popitem(last=False)[1][1]
        return value


@dataclass(frozen=True, slots=True)
class _Parsed:
    front_matter: dict[str, Any] | None
    prose: str
    """Up to MAX_PROSE characters."""
    is_whole: bool
    recipe: str
    is_damaged: bool = False


_parsed, _rendered = CardCache[_Parsed](), CardCache[str]()
_rendering = threading.Lock()
"""Held by the thread that renders, so that many requests for one new card render it once."""


def front_matter_of(store: BlobStore, card: File | None) -> dict[str, Any] | None:
    """Return the card's YAML as JSON values, not to be changed; None without a readable card."""
    return _parse(store, card).front_matter if card else None


def prose(store: BlobStore, card: File | None, files_url: str) -> tuple[Markup, bool]:
    """Return the card's prose as HTML, and whether that is all of it. `files_url` is the start of URLs of the artifact's files."""
    if card is None:
        return Markup(), True
    parsed = _parse(store, card)
    if parsed.is_damaged:
        return Markup("<p>{}</p>").format(parsed.prose), True
    rendered = _rendered.find(card.digest)
    if rendered is None:
        with _rendering:
            rendered = _rendered.find(card.digest)
            if rendered is None:
                rendered = markdown().render(parsed.prose, {})
                _rendered.keep(card.digest, rendered, len(rendered))
    shown = rendered.replace(_OWN, str(Markup.escape(files_url)))
    return Markup(shown), parsed.is_whole  # noqa: S704 - the renderer escapes every text and passes no HTML through


def preview(text: str, files_url: str) -> tuple[Markup, bool]:
    """Return the prose of a card that is not saved yet as HTML, as `prose` does, and whether that is all of it."""
    parsed = _parse_text(text)
    rendered = markdown().render(parsed.prose, {})
    return Markup(rendered.replace(_OWN, str(Markup.escape(files_url)))), parsed.is_whole  # noqa: S704 - as in `prose`


def recipe(store: BlobStore, card: File | None) -> str:
    """Return the `hub train` command in the card, which recreates the weights; empty without one."""
    return _parse(store, card).recipe if card else ""


def _parse(store: BlobStore, card: File) -> _Parsed:
    """Return a card's front matter, None if it is invalid, and the beginning of its prose, or why it cannot be read."""
    if (known := _parsed.find(card.digest)) is not None:
        return known
    content = read_whole(store, card.digest, card.size_bytes)
    if content is None:
        return _Parsed(None, f"The stored bytes of {FILE} are damaged: push it again.", True, "", is_damaged=True)
    parsed = _parse_text(content[:MAX_READ].decode("utf-8-sig", "replace"))
    return _parsed.keep(card.digest, parsed, card.size_bytes)


def _parse_text(text: str) -> _Parsed:
    try:
        found, text = split_front_matter(text)
    except InvalidCard:
        found = {}
    if "model-index" in found:
        text = _SCORES.sub("", text)
    shown = text
    if len(text) > MAX_PROSE:  # Cut after a line, unless there is only one.
        shown = text[:MAX_PROSE].rpartition("\n")[0] or text[:MAX_PROSE]
    command = _RECIPE.search(shown)
    front_matter = _in_json(found, set()) if found else None
    return _Parsed(front_matter, shown, len(shown) == len(text), command[1] if command else "")


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
def markdown() -> MarkdownIt:
    """Return a parser of CommonMark with tables and strike-through. HTML in it becomes text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("image", _image)
    for tag in ("heading_open", "heading_close"):
        parser.add_render_rule(tag, _heading)
    for tag in ("paragraph_open", "list_item_open", "td_open", "blockquote_open"):
        parser.add_render_rule(tag, _block)
    parser.add_render_rule("th_open", _head_cell)
    parser.add_render_rule("table_open", _focusable)
    for tag in ("fence", "code_block"):
        parser.add_render_rule(tag, _code)
    return parser


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    token = tokens[index]
    token.attrSet("href", _address(str(token.attrGet("href") or "")))
    token.attrSet("rel", "nofollow noopener")
    return self.renderToken(tokens, index, options, env)


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render an image of the repository; for an external image, only its alternative text."""
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    token.attrSet("alt", self.renderInlineAsText(token.children or [], options, env))
    if _ABSOLUTE.match(source):
        return f"[{Markup.escape(token.attrGet('alt'))}]"
    token.attrSet("src", _address(source))
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


def _head_cell(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a cell of a table's head; an empty one as an ordinary cell, because it is not a heading."""
    if not tokens[index + 1].content.strip():
        tokens[index].tag = tokens[index + 2].tag = "td"
    return _block(self, tokens, index, options, env)


def _focusable(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a block that can be scrolled with the keyboard."""
    tokens[index].attrSet("tabindex", "0")
    return self.renderToken(tokens, index, options, env)


def _code(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a block of code as markdown-it does, but one that can be scrolled with the keyboard."""
    render = RendererHTML.fence if tokens[index].type == "fence" else RendererHTML.code_block
    written = render(self, tokens, index, options, env)
    return written.replace("<pre>", '<pre tabindex="0">', 1)


def _address(target: str) -> str:
    """Return the URL of a link or image. A relative one is that of a file of the artifact."""
    if not target or _ABSOLUTE.match(target):
        return target
    return f"{_OWN}{quote(unquote(target).removeprefix('./'))}"
