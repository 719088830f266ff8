"""Parse query strings into `Query` objects. Pages and API have the same parameters as `hub search`."""

from __future__ import annotations

import math
from typing import Any

from starlette.datastructures import QueryParams

from hub.errors import InvalidRequest, near_names
from hub.languages import parse_language
from hub.names import split_values
from hub.records import Provenance, Query
from hub.registry.search.find_by_metric import BY_METRIC
from hub.registry.search.search import SORTS

MAX_PAGE = 100
"""Maximum number of artifacts per page."""
MAX_OFFSET = 1000
"""Largest `offset`. Beyond it, clients use cursors, which cost the same at every position."""
MAX_VALUES = 20
"""Maximum number of values of a parameter."""
MAX_LENGTH = 1000
"""Maximum length of a parameter in characters."""
ORDERS = (*SORTS, BY_METRIC)
_ALIASES = {"q": "text", "language": "lang"}
_TEXT: dict[str, Any] = {"type": "string", "maxLength": MAX_LENGTH}
_NUMBER: dict[str, Any] = {"type": "number"}
_PARAMETERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "text": (
        "Words in names, summaries and tags, or names of bases, languages, methods and kinds; in double quotes, words alone. Alias: `q`.",
        _TEXT,
        "yoruba sdxl",
    ),
    "lang": ("Language tag (BCP 47) or name: `yo`, `yor`, `Yoruba`, `Yorùbá`. Alias: `language`.", _TEXT, "yo"),
    "kind": ("Kind of artifact: `adapter`, `projector`, `encoder`, `delta`, `base` or `dataset`.", _TEXT, "adapter"),
    "base": ("Base that the artifact has weights for, by any of its names.", _TEXT, "emoji-sd"),
    "method": ("Training method, such as `mulan` or `pea`.", _TEXT, "mulan"),
    "license": ("Licence, as an SPDX identifier.", _TEXT, "Apache-2.0"),
    "owner": ("Owner of the artifact.", _TEXT, "linguahub"),
    "has": ("`images`: only artifacts with images in their files.", {"type": "string", "enum": ["images"]}, "images"),
    "metric": (
        "Return only artifacts with a score of this metric, in the language `lang` if given.",
        _TEXT,
        "r_precision_at_10",
    ),
    "benchmark": ("Benchmark that `metric` refers to.", _TEXT, "emoji-generation"),
    "split": ("Split that `metric` refers to.", _TEXT, "seen"),
    "provenance": (
        "Provenance of the scores of `metric`. Scores of different provenance cannot be compared.",
        {"type": "string", "enum": [*Provenance], "default": Provenance.REPRODUCED.value},
        "reproduced",
    ),
    "min": ("Minimum value of `metric`, in its unit.", _NUMBER, 0.5),
    "max": ("Maximum value of `metric`, in its unit.", _NUMBER, 1.0),
    "scores": (
        "Scores to return: only the `best` one of each artifact, or `all`.",
        {"type": "string", "enum": ["best", "all"], "default": "best"},
        "best",
    ),
    "sort": (
        "Sort order: `score` puts the best reproduced artifacts first, `metric` those with the best value of `metric`.",
        {"type": "string", "enum": list(ORDERS), "default": "score"},
        "score",
    ),
    "limit": (
        "Maximum number of artifacts per page.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 20},
        20,
    ),
    "offset": (
        "Number of artifacts to skip.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
        0,
    ),
}
_MULTIPLE = ("lang", "kind", "base", "method", "license")
"""Parameters that can be repeated, or have several values separated by commas: artifacts match one of them."""
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": meaning + (" Can be repeated." if name in _MULTIPLE else ""),
        "schema": {**schema, "examples": [example]},
    }
    for name, (meaning, schema, example) in _PARAMETERS.items()
]
"""Parameters in the OpenAPI document."""


_NAMED = ("kind", "base", "method", "license", "owner", "metric", "benchmark", "split")
"""Parameters that are passed to the query unchanged."""


def read_query(parameters: QueryParams, readers: tuple[str, ...] | None = (), *, scores: str = "all") -> Query:
    """Return the query of a search by a caller who can see the private artifacts of `readers`.

    Empty parameters, which forms send, are ignored. `scores` is the default of the parameter `scores`.

    Raises UnknownLanguage with similar names, and InvalidRequest for unknown parameters and numbers out of range.
    """
    given = _given(parameters)
    named: dict[str, Any] = {name: given.get(name, "") for name in _NAMED}
    return Query(
        text=given.get("text", ""),
        language=",".join(map(parse_language, split_values(given.get("lang", "")))),
        has_images=bool(_one_of("has", given, ("images", ""), "")),
        **named,
        provenance=_one_of("provenance", given, [*Provenance], Provenance.REPRODUCED),
        min_value=_read_value("min", given),
        max_value=_read_value("max", given),
        scores=_one_of("scores", given, ("best", "all"), scores),
        readers=readers,
        sort=_one_of("sort", given, ORDERS, "score"),
        limit=read_number("limit", given.get("limit", "20"), 1, MAX_PAGE),
        offset=read_number("offset", given.get("offset", "0"), 0, MAX_OFFSET),
    )  # fmt: skip


def read_number(name: str, text: str, minimum: int, maximum: int) -> int:
    """Parse a whole number of a query string. Raises InvalidRequest outside `minimum` … `maximum`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and minimum <= int(text) <= maximum):
        raise InvalidRequest(f"`{name}` must be a whole number from {minimum} to {maximum}, not `{text[:80]}`.")
    return int(text)


def _given(parameters: QueryParams) -> dict[str, str]:
    given: dict[str, str] = {}
    for written, value in parameters.multi_items():
        name = _ALIASES.get(written, written)
        if name not in _PARAMETERS:
            near = near_names(name, _PARAMETERS, count=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" Available: {', '.join(_PARAMETERS)}."
            raise InvalidRequest(f"unknown search parameter `{name[:80]}`.{hint}")
        if len(value) > MAX_LENGTH:
            raise InvalidRequest(f"`{name}` has {len(value)} characters, but the limit is {MAX_LENGTH}.")
        if value.strip():
            given[name] = f"{given[name]},{value.strip()}" if name in given and name in _MULTIPLE else value.strip()
    for name in _MULTIPLE:
        if len(split_values(given.get(name, ""))) > MAX_VALUES:
            raise InvalidRequest(f"`{name}` has more than {MAX_VALUES} values.")
    return given


def _one_of(name: str, given: dict[str, str], known: tuple[str, ...] | list[Provenance], default: str) -> str:
    found = given.get(name, default)
    if found not in known:
        what = "cannot sort by" if name == "sort" else f"`{name}` cannot be"
        raise InvalidRequest(f"{what} `{found[:80]}`: choose one of {', '.join(known)}.")
    return found


def _read_value(name: str, given: dict[str, str]) -> float | None:
    if name not in given:
        return None
    try:
        value = float(given[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidRequest(f"`{name}` must be a number, not `{given[name][:80]}`.")
    return value
