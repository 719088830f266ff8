"""Licences: SPDX expressions, and Hugging Face's ids for licences that SPDX does not list."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from license_expression import Licensing

MODEL_LICENSES = frozenset({
    "apple-amlr", "apple-ascl", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "c-uda",
    "creativeml-openrail-m", "deepfloyd-if-license", "fair-noncommercial-research-license", "gemma", "h-research",
    "intel-research", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "open-mdw", "openrail", "openrail++",
    "other", "unknown",
})  # fmt: skip
"""Source: the Hub's documentation, "Licenses". `other` needs `license_name` and `license_link` beside it."""

MAX_LENGTH = 1000
"""Longest licence in characters."""


def parse_license(text: str) -> str | None:
    """Return a licence as spelled by SPDX or Hugging Face, `Apache-2.0` for `apache-2.0`, or None if unknown."""
    wanted = text.strip()
    if wanted.lower() in MODEL_LICENSES:
        return wanted.lower()
    if not wanted or len(wanted) > MAX_LENGTH:
        return None
    from boolean import ParseError
    from license_expression import ExpressionError

    try:
        # Not `validate`, which expects an attribute that syntax errors, such as that of `MIT, Apache-2.0`, do not have.
        return str(_spdx().parse(wanted, validate=True, strict=True))
    except (ExpressionError, ParseError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # The parser raises the last four for text such as `()` and `mit AND`.


def for_front_matter(license: str) -> str | list[str]:
    """Format a licence as Hugging Face does: lower case, several as a list."""
    parts = [part.strip("() ").lower() for part in license.split(" AND ")]
    return parts if len(parts) > 1 and " OR " not in license and " WITH " not in license else license.lower()


@cache
def _spdx() -> Licensing:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()
