"""Choose the language of the pages: the visitor's choice, stored in a cookie, else the browser's preference, else English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from server.http.middleware import HttpLayer

COOKIE = "linguahub-locale"
_MAX_HEADER = 200
"""Characters of `Accept-Language` that are read; browsers send fewer than 100."""
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
"""A language range of RFC 9110 with its weight. Its first subtag decides, because no language is here twice."""


@dataclass(frozen=True, slots=True)
class Locale:
    """A language of the pages."""

    tag: str
    name: str
    """Its name in itself."""
    direction: str = "ltr"
    """`ltr` or `rtl`."""


ENGLISH = Locale("en", "English")
LOCALES = (
    ENGLISH,
    Locale("yo", "Yorùbá"),
    Locale("sw", "Kiswahili"),
    Locale("fr", "Français"),
    Locale("ar", "العربية", "rtl"),
    Locale("hi", "हिन्दी"),
    Locale("zh", "中文"),
)
"""The languages of the pages, in the order of their menu. Each but English has a catalogue below `server/locales`."""
_BY_TAG = {each.tag: each for each in LOCALES}
_current: ContextVar[Locale] = ContextVar("locale", default=ENGLISH)


class PageLocale(HttpLayer):
    """Makes the locale of a request the current one while the request is processed."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        with speaking(locale_of(scope)):
            await self.app(scope, receive, send)


def current_locale() -> Locale:
    """Return the locale of the request that is being processed; English outside of requests."""
    return _current.get()


@contextmanager
def speaking(locale: Locale) -> Iterator[None]:
    """Make `locale` the current one inside a `with` block."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def find_locale(tag: str) -> Locale | None:
    """Return the locale with this tag; None if the pages are not in this language."""
    return _BY_TAG.get(tag)


def locale_of(scope: Scope) -> Locale:
    """Return the locale of a request."""
    headers = Headers(scope=scope)
    if COOKIE in headers.get("cookie", "") and (chosen := find_locale(HTTPConnection(scope).cookies.get(COOKIE, ""))):
        return chosen
    return accepted_locale(headers.get("accept-language", "")[:_MAX_HEADER])


@lru_cache(maxsize=512)
def accepted_locale(header: str) -> Locale:
    """Return the locale that an `Accept-Language` header prefers; English if it names none of LOCALES. Invalid parts are skipped."""
    ranges = [found for part in header.split(",") if (found := _RANGE.fullmatch(part))]
    weights = [(float(found[2] or 1), found[1].lower()) for found in ranges]
    ordered = sorted((each for each in weights if each[0] > 0), key=lambda each: -each[0])
    return next((_BY_TAG[tag] for _, tag in ordered if tag in _BY_TAG), ENGLISH)
