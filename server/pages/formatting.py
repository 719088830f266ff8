"""Format values for pages: languages, sizes, dates, scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from markupsafe import Markup

from hub.conditioning import Conditioning, format_width
from hub.languages import MULTILINGUAL, autonym, language_name
from hub.names import DATASETS, ArtifactName
from hub.records import Artifact, Provenance, Score
from hub.registry import CURATED_OWNER

_RIGHT_TO_LEFT = {"Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"}
"""ISO 15924 codes of living scripts with right-to-left direction. Source: Unicode, UAX #9 and Scripts.txt."""
_SPELLINGS = {"fid": "FID", "kid": "KID", "cmmd": "CMMD", "clip": "CLIP", "ocr": "OCR", "r precision": "R-precision"}
"""Spelling of words in metric names that differs from the code."""
_MEANINGS = {
    Provenance.REPRODUCED: "Measured by this hub on the files of this revision",
    Provenance.SELF_REPORTED: "Measured by the owner, as the card says; not reproduced here",
    Provenance.REPORTED: "Reported by a third party, not reproduced here",
    Provenance.DISPUTED: "Claimed and disputed",
}


@dataclass(frozen=True, slots=True)
class LanguageName:
    """The name of a language in the language itself and in English."""

    tag: str
    own: str
    english: str
    direction: str
    """`ltr` or `rtl`, of `own`."""


@cache
def language(tag: str) -> LanguageName:
    """Return the names and the direction of the language `tag`."""
    if tag == MULTILINGUAL:
        return LanguageName(tag, "Multilingual", "Multilingual", "ltr")
    from langcodes import Language

    script = Language.get(tag).maximize().script
    direction = "rtl" if script in _RIGHT_TO_LEFT else "ltr"
    return LanguageName(tag, autonym(tag), language_name(tag), direction)


def short_name(name: ArtifactName | str) -> str:
    """Return the name without the owner of curated artifacts: `mulan-yo`."""
    return re.sub(f"^({DATASETS})?{CURATED_OWNER}/", r"\1", str(name))


def size(size_bytes: int | None) -> str:
    """Return `1.4 MB`: powers of ten, as on the Hugging Face Hub."""
    if size_bytes is None:
        return "–"
    amount, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.95 else f"{amount:.1f} {unit}"


def weight(artifact: Artifact) -> str:
    """Return the size of an artifact, or of its external weights if it only has a card; empty if unknown."""
    external = sum(file.size_bytes or 0 for file in artifact.upstream)
    if external and not artifact.weights_digest:
        return f"{size(external)} (external)"
    return size(artifact.size_bytes) if artifact.size_bytes else ""


def sentence(message: str) -> Markup:
    """Return an error message as HTML: capitalized, with text in backticks as code."""
    parts = (message[:1].upper() + message[1:]).split("`")
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if number % 2 else part for number, part in enumerate(parts))


def day(moment: datetime | None) -> str:
    """Return `2026-11-23`, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else "–"


def moment(time: datetime | None) -> str:
    """Return `2026-11-23 14:05:09`, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if time else "–"


def duration(seconds: float) -> str:
    """Return `45 s`, `23 min` or `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def conditioning(given: Conditioning) -> str:
    """Return `77 tokens × 768, pooled 1280, with a mask`."""
    tokens = f"{given.length or 'any number of'} tokens × {format_width(given)}"
    streams = "".join(f", {each.name} × {format_width(each)}" for each in given.streams)
    pooled = f", pooled {given.pooled_width}" if given.pooled_width else ""
    return tokens + streams + pooled + (", with a mask" * given.mask)


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
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def provenance(score: Score) -> str:
    """Return the meaning of a score's provenance."""
    return _MEANINGS[score.provenance]


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
