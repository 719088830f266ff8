"""Read `<base>/config.json` of a variant: the architecture of a module, its base and encoder, and its output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hub.conditioning import conditioning_problems, read_conditioning
from hub.errors import InvalidCard
from hub.records import Pin, Variant
from hub.strict_json import parse_json

FILE = "config.json"
FORMAT = 1
"""Supported version of config.json."""
_NAMED = re.compile(r"`([\w.]+)`")


def variant_folders(folder: Path) -> list[Path]:
    """Return the direct sub-folders with a config.json, sorted by name."""
    return sorted(path.parent for path in folder.glob(f"*/{FILE}"))


def read_variant(path: Path) -> Variant:
    """Read a variant's `config.json`; `path` is the file or its folder. Raises InvalidCard with every problem."""
    file = path / FILE if path.is_dir() else path
    where = f"{file.parent.name}/{FILE}"
    try:
        config = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidCard(f"{where} cannot be read: {error}.", line=getattr(error, "lineno", 0)) from error
    if not isinstance(config, dict):
        raise InvalidCard(f"{where} is not a JSON object.")
    problems = _problems(config)
    if problems:
        listed = [(problem, _place_in(problem)) for problem in problems]
        raise InvalidCard(f"{where}: {'; '.join(problems)}.", problems=listed)
    pins = tuple(map(_pin, _pinned_encoders(config.get("encoder"))))
    return Variant(
        base=_pin(config["base"]),
        folder=file.parent.name,
        method=config["method"],
        architecture=config["architecture"],
        conditioning=read_conditioning(config["conditioning"]),
        encoder=pins[0] if pins else None,
        beside=pins[1:],
    )


def _place_in(problem: str) -> tuple[str, ...]:
    """Return the keys that a problem names first: `base`, or `conditioning` and `width`."""
    named = _NAMED.match(problem)
    return tuple(named[1].split(".")) if named else ()


def _problems(config: dict[str, Any]) -> list[str]:
    if config.get("format") != FORMAT:
        return [f"`format` is {config.get('format')!r}; this version supports {FORMAT}"]
    problems = [f"`{name}` is missing" for name in ("method", "architecture") if not isinstance(config.get(name), str)]
    problems += _pin_problems("base", config.get("base"))
    if config.get("encoder"):
        problems += _encoder_problems(config["encoder"])
    return problems + conditioning_problems(config.get("conditioning"))


def _pinned_encoders(encoder: Any) -> list[dict[str, Any]]:
    """Return the pins of other artifacts. There are none if the encoder is the base's own or inside the variant."""
    pins = encoder if isinstance(encoder, list) else [encoder] if encoder else []
    return [each for each in pins if "folder" not in each]


def _encoder_problems(value: object) -> list[str]:
    """Check one or several pins of other artifacts, or the `folder` of the variant's own encoder."""
    if isinstance(value, list):
        return [problem for each in value for problem in _pin_problems("encoder", each)]
    if not isinstance(value, dict) or "folder" not in value:
        return _pin_problems("encoder", value)
    folder, digest = value["folder"], value.get("digest")
    problems = []
    if not isinstance(folder, str) or not folder.isidentifier():
        problems.append(f"`encoder.folder` is {folder!r}, not the plain name of a folder beside {FILE}")
    if not isinstance(digest, str) or not digest:
        problems.append(f"`encoder.digest` is {digest!r}, not the digest of that folder's weights")
    return problems


def _pin_problems(name: str, value: object) -> list[str]:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        return [f"`{name}` must have a `name` and the `digest` of its weights"]
    return [] if isinstance(value.get("digest", ""), str) else [f"`{name}.digest` is {value['digest']!r}, not text"]


def _pin(value: dict[str, Any]) -> Pin:
    return Pin(name=value["name"], digest=value.get("digest", ""))
