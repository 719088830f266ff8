"""How values are worded on a page: languages, sizes, days, scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from hub.languages import MULTILINGUAL, autonym, language_name
from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.registry import CURATED_OWNER

_RIGHT_TO_LEFT = {"Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"}
"""ISO 15924 codes of living scripts with right-to-left direction. Source: Unicode, UAX #9 and Scripts.txt."""
_METRICS = {"fid": "FID", "kid": "KID", "clip_score": "CLIP score", "r_precision": "R-precision", "recall": "Recall"}
_MEANINGS = {
    Provenance.MEASURED: "A run of this project; it can be run again",
    Provenance.REPORTED: "Somebody says so; not run again here",
    Provenance.DISPUTED: "Reported, and there is reason to doubt it",
}


@dataclass(frozen=True, slots=True)
class LanguageName:
    """A language as its speakers and as English readers know it."""

    tag: str
    own: str
    english: str
    direction: str
    """`ltr` or `rtl`, of `own`."""


@cache
def language(tag: str) -> LanguageName:
    """How to show the language `tag`."""
    if tag == MULTILINGUAL:
        return LanguageName(tag, "Multilingual", "Multilingual", "ltr")
    from langcodes import Language

    script = Language.get(tag).maximize().script
    direction = "rtl" if script in _RIGHT_TO_LEFT else "ltr"
    return LanguageName(tag, autonym(tag), language_name(tag), direction)


def short_name(name: ArtifactName | str) -> str:
    """`mulan-yo` for an artifact of ours, `owner/name` for others: what a person types."""
    return str(name).removeprefix(f"{CURATED_OWNER}/")


def size(size_bytes: int | None) -> str:
    """`1.4 MB`: powers of ten, as on disks and in the Hugging Face Hub."""
    if size_bytes is None:
        return "–"
    amount, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.95 else f"{amount:.1f} {unit}"


def day(moment: datetime | None) -> str:
    """`2026-11-23`, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else "–"


def metric(name: str) -> str:
    """`r_precision_at_1` reads `R-precision@1`."""
    stem, at, count = name.partition("_at_")
    word = _METRICS.get(stem, stem.replace("_", " "))
    return f"{word}@{count}" if at else word


def number(value: float | None) -> str:
    """Three digits behind the point for shares, fewer for larger numbers."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def provenance(score: Score) -> str:
    """What the label of a score means."""
    return _MEANINGS[score.provenance]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share and its interval, in percent of a line's length."""

    value: float
    low: float | None
    high: float | None


def bar(score: Score) -> Bar | None:
    """How to draw a score; None for numbers that are no shares of one."""
    top = {"1": 1.0, "%": 100.0}.get(score.unit)
    if top is None or score.better != "up" or not 0 <= score.value <= top:
        return None
    low, high = (None if end is None else round(100 * min(max(end / top, 0), 1), 2) for end in (score.low, score.high))
    return Bar(round(100 * score.value / top, 2), low, high)
