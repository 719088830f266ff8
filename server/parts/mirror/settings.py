"""Read from the environment what is mirrored and how much is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from server.parts.mirror.mirrored_repositories import MirroredRepository

_PATTERN = re.compile(r"[\w.*?\[\]!-]+(/[\w.*?\[\]!-]+){1,2}")


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """Files that may be fetched from the upstream, and how many bytes are kept."""

    allowed: tuple[str, ...] = ()
    """Patterns of repositories, such as `stabilityai/*` and `datasets/*/*`; empty for all."""
    denied: tuple[str, ...] = ()
    """Patterns of repositories that are not fetched, also if they are allowed."""
    max_bytes: int | None = None
    """Maximum size of all mirrored files; None for no limit."""

    def allows(self, repo: MirroredRepository) -> bool:
        """Return whether a repository may be fetched. Letter case does not matter, as on the Hugging Face Hub."""
        name = str(repo).lower() if repo.collection == "models" else f"{repo.collection}/{repo}".lower()
        is_listed = not self.allowed or any(fnmatchcase(name, each) for each in self.allowed)
        return is_listed and not any(fnmatchcase(name, each) for each in self.denied)


def configured_mirror(environment: Mapping[str, str] | None = None) -> MirrorSettings:
    """Return the settings in `$HUB_MIRROR_ALLOW`, `$HUB_MIRROR_DENY` and `$HUB_MIRROR_SIZE`. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    return MirrorSettings(
        _patterns("HUB_MIRROR_ALLOW", environment.get("HUB_MIRROR_ALLOW", "")),
        _patterns("HUB_MIRROR_DENY", environment.get("HUB_MIRROR_DENY", "")),
        _size(environment.get("HUB_MIRROR_SIZE", "")),
    )


def is_offline(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether `$HF_HUB_OFFLINE` forbids requests to other hubs, as it does for Hugging Face's clients."""
    environment = os.environ if environment is None else environment
    return environment.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _patterns(variable: str, text: str) -> tuple[str, ...]:
    patterns = tuple(filter(None, (each.strip().lower() for each in text.split(","))))
    for each in patterns:
        if _PATTERN.fullmatch(each) is None:
            raise InvalidRequest(
                f"{variable} has `{each[:80]}`: write patterns of full names, such as `stabilityai/*,datasets/*/flickr*`."
            )
    return patterns


def _size(text: str) -> int | None:
    if not text.strip():
        return None
    from hub.administration.quotas import parse_size

    try:
        return parse_size(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"HUB_MIRROR_SIZE is `{text[:40]}`: write a size such as 500G.") from error
