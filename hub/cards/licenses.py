"""Licences: SPDX expressions, and Hugging Face's ids for licences that SPDX does not list or spells otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from license_expression import Licensing

SPDX = {
    each.lower(): each
    for each in (
        "AFL-3.0", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "CC-BY-2.0",
        "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-3.0",
        "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
        "CC0-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1",
        "EUPL-1.2", "ISC", "LPPL-1.3c", "MIT", "MPL-2.0", "MS-PL", "NCSA", "OFL-1.1", "OSL-3.0", "PostgreSQL", "Unicode-3.0",
        "Unlicense", "WTFPL", "Zlib", "etalab-2.0",
    )
}  # fmt: skip
"""The Hub's ids of licences that SPDX calls the same, and that of the lab's data → SPDX's spelling.

The parser of expressions takes 50 ms to load.
"""
FAMILIES = frozenset({"bsd", "cc", "gfdl", "gpl", "lgpl", "lgpl-lr", "odbl", "odc-by", "pddl"})
"""The Hub's ids of families of licences, and of those that SPDX lists with a version or another spelling."""
MODEL_LICENSES = frozenset({
    "apple-amlr", "apple-ascl", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "c-uda",
    "creativeml-openrail-m", "deepfloyd-if-license", "fair-noncommercial-research-license", "gemma", "grok2-community", "h-research",
    "intel-research", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "open-mdw", "openrail", "openrail++",
    "other", "unknown",
})  # fmt: skip
"""Source of all three: the Hub's documentation, "Licenses". `other` needs `license_name` and `license_link` beside it."""

MAX_LENGTH = 1000
"""Longest licence in characters."""
MAX_LICENSES = 50
"""Licences that can apply together. Parsing an expression takes milliseconds."""

COMMERCIAL_USE = {
    "allowed": "allowed",
    "conditional": "allowed under the conditions of the licence",
    "forbidden": "not allowed",
}
"""The values of `linguahub.commercial_use`, strictest last, and their texts."""
_CONDITIONAL = frozenset({
    "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "creativeml-openrail-m", "gemma", "grok2-community",
    "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "openrail", "openrail++",
})  # fmt: skip
"""Licences that restrict uses or users, and require the same of those who receive a copy."""
_FORBIDDEN = frozenset({"deepfloyd-if-license", "fair-noncommercial-research-license", "h-research", "intel-research"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of a card's licence besides the identifier."""

    commercial_use: str = ""
    """A key of `COMMERCIAL_USE`, if it does not follow correctly from the identifier; empty if the card states none."""
    name: str = ""
    """`license_name`, for the licence `other`."""
    link: str = ""
    """`license_link`, for the licence `other`."""

    def describe_use(self, license: str) -> str:
        """Return whether a work under `license` and these terms can be used commercially, as text."""
        return COMMERCIAL_USE.get(self.commercial_use or commercial_use_of(license), "not stated")


def terms_of(front_matter: Mapping[str, Any]) -> Terms:
    """Return the terms that front matter states. Invalid values are left out: `read_card` refuses them."""
    ours = front_matter.get("linguahub")
    use = ours.get("commercial_use") if isinstance(ours, Mapping) else None
    name, link = (front_matter.get(key) for key in ("license_name", "license_link"))
    return Terms(
        commercial_use=use if isinstance(use, str) and use in COMMERCIAL_USE else "",
        name=name if isinstance(name, str) else "",
        link=link if isinstance(link, str) and link.startswith("https://") else "",
    )


def commercial_use_of(license: str) -> str:
    """Return the key of `COMMERCIAL_USE` that follows from a licence, or an empty string if it does not follow from the identifier.

    Of several licences that all apply, the strictest counts.
    """
    uses = [_commercial_use_of_one(each) for each in license.split(" AND ")]
    return "" if "" in uses else max(uses, key=list(COMMERCIAL_USE).index)


def _commercial_use_of_one(license: str) -> str:
    if license in _FORBIDDEN or license.startswith("CC-BY-NC"):
        return "forbidden"
    if license in _CONDITIONAL:
        return "conditional"
    return "allowed" if license in SPDX.values() else ""


def parse_license(text: str) -> str | None:
    """Return a licence as spelled by SPDX or Hugging Face, `Apache-2.0` for `apache-2.0`, or None if unknown."""
    wanted = text.strip()
    lower = wanted.lower()
    if lower in SPDX or lower in MODEL_LICENSES | FAMILIES:
        return SPDX.get(lower, lower)
    if not wanted or len(wanted) > MAX_LENGTH:
        return None
    from boolean import ParseError
    from license_expression import ExpressionError

    try:
        # Not `validate`, which expects an attribute that syntax errors, such as that of `MIT, Apache-2.0`, do not have.
        return str(_spdx().parse(wanted, validate=True, strict=True))
    except (ExpressionError, ParseError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # The parser raises the last four for text such as `()` and `mit AND`.


def parse_licenses(value: object) -> tuple[str, list[str]]:
    """Return the licence in front matter, text or a list of licences that all apply, and the texts that name no licence."""
    given = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    if len(given) > MAX_LICENSES:
        return "", [f"{given[0][:40]} and {len(given) - 1} more"]
    parsed = {text: parse_license(text) for text in given}
    unknown = [text for text, license in parsed.items() if license is None]
    known = list(dict.fromkeys(license for license in parsed.values() if license))
    if len(known) > 1:
        known = [f"({each})" if " OR " in each else each for each in known]
    license = " AND ".join(known)
    return ("", [license]) if len(license) > MAX_LENGTH else (license, unknown)


def for_front_matter(license: str) -> str | list[str]:
    """Format a licence as Hugging Face does: lower case, several that all apply as a list."""
    parts = re.split(r" AND (?![^(]*\))", license)  # not inside parentheses
    listed = [part.removeprefix("(").removesuffix(")").lower() if len(parts) > 1 else part.lower() for part in parts]
    return listed if len(listed) > 1 else listed[0]


@cache
def _spdx() -> Licensing:
    from license_expression import Licensing, get_spdx_licensing

    # Expressions may name the Hub's licences too: `MIT AND llama2`.
    return Licensing([*get_spdx_licensing().known_symbols.values(), *sorted(MODEL_LICENSES | FAMILIES - {"gpl"})])
