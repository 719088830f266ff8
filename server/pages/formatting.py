"""Format values for pages in the language of the page: names of languages, sizes, dates, scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache

from markupsafe import Markup, escape

from hub.conditioning import Conditioning, format_width
from hub.languages import MULTILINGUAL, autonym, language_name
from hub.names import DATASETS, ArtifactName
from hub.records import Artifact, Provenance, Score
from hub.registry import CURATED_OWNER
from server.site.locales import ENGLISH, current_locale
from server.site.translation import gettext, gettext_noop

_RIGHT_TO_LEFT = {"Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"}
"""ISO 15924 codes of living scripts with right-to-left direction. Source: Unicode, UAX #9 and Scripts.txt."""
_SPELLINGS = {"fid": "FID", "kid": "KID", "cmmd": "CMMD", "clip": "CLIP", "ocr": "OCR", "r precision": "R-precision"}
"""Spelling of words in metric names that differs from the code."""
_MEANINGS = {
    Provenance.REPRODUCED: gettext_noop("Measured by this hub on the files of this revision"),
    Provenance.SELF_REPORTED: gettext_noop("Measured by the owner according to the card; not reproduced here"),
    Provenance.REPORTED: gettext_noop("Reported by a third party, not reproduced here"),
    Provenance.DISPUTED: gettext_noop("Claimed and disputed"),
}
_SIZES = (
    gettext_noop("%(amount)s B"),
    gettext_noop("%(amount)s kB"),
    gettext_noop("%(amount)s MB"),
    gettext_noop("%(amount)s GB"),
    gettext_noop("%(amount)s TB"),
)


@dataclass(frozen=True, slots=True)
class LanguageName:
    """The name of a language in itself, in the language of the page and in English."""

    tag: str
    own: str
    name: str
    """In the language of the page."""
    english: str
    direction: str
    """`ltr` or `rtl`, of `own`."""


def language(tag: str) -> LanguageName:
    """Return the names and the direction of the language `tag`."""
    return _language(tag, current_locale().tag)


@cache
def _language(tag: str, locale: str) -> LanguageName:
    if tag == MULTILINGUAL:
        many = gettext("Multilingual")
        return LanguageName(tag, many, many, "Multilingual", current_locale().direction)
    from langcodes import Language

    script = Language.get(tag).maximize().script
    direction = "rtl" if script in _RIGHT_TO_LEFT else "ltr"
    return LanguageName(tag, autonym(tag), language_name(tag, locale), language_name(tag), direction)


def short_name(name: ArtifactName | str) -> str:
    """Return the name without the owner of curated artifacts: `mulan-yo`."""
    return re.sub(f"^({DATASETS})?{CURATED_OWNER}/", r"\1", str(name))


def size(size_bytes: int | None) -> str:
    """Return `1.4 MB`: powers of ten, as on the Hugging Face Hub."""
    if size_bytes is None:
        return "–"
    amount, power = float(size_bytes), 0
    while amount >= 999.5 and power < len(_SIZES) - 1:
        amount, power = amount / 1000, power + 1
    return gettext(_SIZES[power], amount=_fixed(amount, 0 if power == 0 or amount >= 99.95 else 1))


def weight(artifact: Artifact) -> str:
    """Return the size of an artifact, or of its external weights if it only has a card; empty if unknown."""
    external = sum(file.size_bytes or 0 for file in artifact.upstream)
    if external and not artifact.weights_digest:
        return gettext("%(size)s (external)", size=size(external))
    return size(artifact.size_bytes) if artifact.size_bytes else ""


def sentence(message: str) -> Markup:
    """Return an English message as HTML: capitalized, with text in backticks as code, and marked as English on other pages."""
    parts = (message[:1].upper() + message[1:]).split("`")
    code = Markup("<code>{}</code>")
    text = Markup("").join(code.format(part) if number % 2 else part for number, part in enumerate(parts))
    return english(text)


def english(text: str) -> Markup:
    """Return a text that is English in all languages as HTML, marked as English on other pages."""
    return escape(text) if current_locale() is ENGLISH else Markup('<bdi lang="en" dir="ltr">{}</bdi>').format(text)


def day(moment: datetime | None) -> str:
    """Return the date in UTC: `2026-11-23`, or as it is written in the language of the page."""
    if moment is None:
        return "–"
    date = moment.astimezone(UTC).date()
    if current_locale() is ENGLISH:
        return date.isoformat()
    from babel.dates import format_date

    return format_date(date, "long", current_locale().tag)


def moment(time: datetime | None) -> str:
    """Return `2026-11-23 14:05:09`, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if time else "–"


def duration(seconds: float) -> str:
    """Return `45 s`, `23 min` or `1.5 h`."""
    if seconds < 90:
        return gettext("%(amount)s s", amount=_fixed(seconds, 0))
    if seconds < 5400:
        return gettext("%(amount)s min", amount=_fixed(seconds / 60, 0))
    return gettext("%(amount)s h", amount=_fixed(seconds / 3600, 1))


def conditioning(given: Conditioning) -> str:
    """Return `77 tokens × 768, pooled 1280, with a mask`."""
    length = given.length or gettext("any number of")
    parts = [gettext("%(length)s tokens × %(width)s", length=length, width=format_width(given))]
    parts += [f"{each.name} × {format_width(each)}" for each in given.streams]
    parts += [gettext("pooled %(width)s", width=given.pooled_width)] * bool(given.pooled_width)
    return gettext(", ").join([*parts, *[gettext("with a mask")] * given.mask])


def metric(name: str) -> str:
    """Return `R-precision@1` for `r_precision_at_1`."""
    stem, at, count = name.partition("_at_")
    words = stem.replace("_", " ")
    for written, spelt in _SPELLINGS.items():
        words = re.sub(rf"\b{written}\b", spelt, words)
    return f"{words[:1].upper()}{words[1:]}@{count}" if at else words[:1].upper() + words[1:]


def number(value: float | None) -> str:
    """Return three decimals for shares, fewer for larger numbers: `0.712`, `41.25`, `150,000`."""
    if value is None:
        return "–"
    if abs(value) >= 10_000:
        return grouped(round(value))
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
    return text.replace(".", _decimal_point())


def grouped(value: float, decimals: int = 0) -> str:
    """Return a number with its digits in groups: `1,234`."""
    if current_locale() is ENGLISH:
        return f"{value:,.{decimals}f}"
    return _grouped(round(value, decimals), current_locale().tag)


@lru_cache(maxsize=1024)
def _grouped(value: float, locale: str) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


def percent(share: float) -> str:
    """Return `61%` for 0.61."""
    if current_locale() is ENGLISH:
        return f"{share:.0%}"
    return _percent(round(share, 2), current_locale().tag)


@lru_cache(maxsize=1024)
def _percent(share: float, locale: str) -> str:
    from babel.numbers import format_percent

    return format_percent(share, locale=locale)


def dollars(amount: float) -> str:
    """Return `$1,234.50`."""
    if current_locale() is ENGLISH:
        return f"${amount:,.2f}"
    from babel.numbers import format_currency

    return format_currency(amount, "USD", locale=current_locale().tag)


def provenance(score: Score) -> str:
    """Return the meaning of a score's provenance."""
    return gettext(_MEANINGS[score.provenance])


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace(".", _decimal_point())


def _decimal_point() -> str:
    return _decimal_point_of(current_locale().tag)


@cache
def _decimal_point_of(locale: str) -> str:
    if locale == ENGLISH.tag:
        return "."
    from babel.numbers import get_decimal_symbol

    return get_decimal_symbol(locale)


@dataclass(frozen=True, slots=True)
class Bar:
    """A score and its interval, in percent of the bar's length."""

    value: float
    low: float | None
    high: float | None


def bar(score: Score) -> Bar | None:
    """Return the bar of a score; None for values that are not shares."""
    top = {"1": 1.0, "%": 100.0}.get(score.unit)
    if top is None or score.better != "up" or not 0 <= score.value <= top:
        return None
    low, high = (None if end is None else round(100 * min(max(end / top, 0), 1), 2) for end in (score.low, score.high))
    return Bar(round(100 * score.value / top, 2), low, high)
