"""Translate the texts of pages with the gettext catalogues of `server/locales`; docs/internals/translations.md explains how to add texts.

The functions have the names that `pybabel extract` looks for. A text without a translation stays English.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from markupsafe import Markup, escape

from server.site.locales import ENGLISH, current_locale

FOLDER = Path(__file__).resolve().parents[1] / "locales"
MACHINE_MADE = "Machine translation, not reviewed."
"""The comment of entries that no speaker of the language has reviewed."""


def gettext(message: str, **values: object) -> str:
    """Return the translation of `message`, with `%(name)s` replaced by `values`. Write a percent sign as `%%`, as in templates."""
    return look_up(message) % values


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """Return the translation of `singular` or `plural` that `number` needs; it replaces `%(num)s`, and `values` the others."""
    return _translations().ngettext(singular, plural, number) % {"num": number, **values}


def gettext_noop(message: str) -> str:
    """Return `message`: this marks a constant for translation, and `gettext` translates it where it is shown."""
    return message


def look_up(text: str) -> str:
    """Return the translation of a word, unchanged if there is none: of a constant, or of an arbitrary value."""
    return _translations().gettext(text) if text else ""  # The entry of "" is the head of the catalogue.


def gettext_html(message: str, **values: object) -> Markup:
    """Return the translation of `message`, which is HTML, with escaped values: `gettext` and `_` of templates.

    Jinja's own functions do the same and take several times as long.
    """
    return Markup(look_up(message) % {name: escape(value) for name, value in values.items()})  # noqa: S704 - of our catalogues


def ngettext_html(singular: str, plural: str, number: int, **values: object) -> Markup:
    """Return the translation for `number`, which is HTML, with escaped values."""
    escaped = {name: escape(value) for name, value in {"num": number, **values}.items()}
    return Markup(_translations().ngettext(singular, plural, number) % escaped)  # noqa: S704 - of our catalogues


def pgettext_html(context: str, message: str, **values: object) -> Markup:
    """Return the translation of a `message` that has other meanings in other contexts."""
    escaped = {name: escape(value) for name, value in values.items()}
    return Markup(_translations().pgettext(context, message) % escaped)  # noqa: S704 - of our catalogues


def is_machine_made() -> bool:
    """Return whether the current locale has translations that were not reviewed."""
    locale = current_locale()
    return locale is not ENGLISH and _catalogue(locale.tag).is_machine_made


def catalogue_path(tag: str) -> Path:
    """Return the catalogue of a locale."""
    return FOLDER / tag / "LC_MESSAGES" / "messages.po"


@dataclass(frozen=True, slots=True)
class _Catalogue:
    translations: GNUTranslations
    is_machine_made: bool


_UNTRANSLATED = NullTranslations()


def _translations() -> NullTranslations:
    locale = current_locale()
    return _UNTRANSLATED if locale is ENGLISH else _catalogue(locale.tag).translations


@cache
def _catalogue(tag: str) -> _Catalogue:
    """Read a catalogue when its language is first used, so that no compilation is needed and English has no cost."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with catalogue_path(tag).open("rb") as file:
        catalogue = read_po(file, locale=tag)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _Catalogue(GNUTranslations(compiled), any(MACHINE_MADE in each.user_comments for each in catalogue))
