"""Limits of the page, read from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from hub.errors import InvalidRequest

WINDOW_S = 300
"""Seconds over which images of a visitor are counted, as in `server.rates`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of image generation for visitors."""

    workers: int = 1
    """Processes that generate images. Each holds its own pipelines."""
    queue: int = 30
    """Maximum number of waiting jobs."""
    per_visitor: int = 3
    """Maximum number of unfinished jobs of one visitor."""
    images: int = 200
    """Maximum number of images of one visitor in WINDOW_S."""
    seconds: int = 300
    """Maximum duration of one job, loading included."""
    idle: int = 900
    """Seconds without a job after which a process ends, to free its memory."""

    @classmethod
    def parse(cls, text: str) -> Settings:
        """Parse `workers=2,images=50`: others keep their defaults. Raises InvalidRequest."""
        given: dict[str, int] = {}
        for part in filter(None, (each.strip() for each in text.split(","))):
            name, _, number = (each.strip() for each in part.partition("="))
            if name not in _NAMES or not number.isdecimal() or not 1 <= int(number) <= 10**6:
                raise InvalidRequest(
                    f"`{part[:80]}` is not a setting of HUB_TRY: write `workers=1,queue=30,images=200`."
                )
            given[name] = int(number)
        return cls(**given)


_NAMES = {each.name for each in fields(Settings)}


def configured_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in `$HUB_TRY`. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    return Settings.parse(environment.get("HUB_TRY", ""))


def configured_bases(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the names of bases in `$HUB_TRY_BASES`, separated by commas; empty for all whose weights are stored here."""
    environment = os.environ if environment is None else environment
    return tuple(filter(None, (each.strip() for each in environment.get("HUB_TRY_BASES", "").split(","))))
