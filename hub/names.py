"""Names, digests and paths: parsed here, refused here, trusted everywhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from hub.errors import WrongName

LENGTH = 96
"""Longest owner or name, as on the Hugging Face Hub."""
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_RESERVED = {"api", "datasets", "spaces", "kernels", "models", "static", "docs", "assets", "oauth", "settings", "new"}
"""Owners that would hide a route of the server."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The SHA-256 of some bytes, as 64 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if re.fullmatch(r"[0-9a-f]{64}", self.hex) is None:
            raise WrongName(f"a digest is 64 lowercase hex digits, not {self.hex[:80]!r}.")

    def __str__(self) -> str:
        return self.hex


@dataclass(frozen=True, slots=True, order=True)
class ArtifactName:
    """`owner/name`. Two names that differ in case alone are the same name to the registry."""

    owner: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.owner, self.name):
            _check_part(part)
        if self.owner.lower() in _RESERVED:
            raise WrongName(f"`{self.owner}` cannot own artifacts: the server needs that word for itself.")

    @classmethod
    def parse(cls, text: str, default_owner: str) -> ArtifactName:
        """Read `owner/name`, or `name` of the default owner."""
        owner, slash, name = text.partition("/")
        return cls(owner, name) if slash else cls(default_owner, text)

    @property
    def key(self) -> str:
        """What must be unique."""
        return str(self).lower()

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def check_path(path: str) -> PurePosixPath:
    """A relative path inside a repository, or WrongName."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in {"", ".", "..", ".git"} for part in parts):
        raise WrongName(f"{path!r} is no path inside a repository: use `folder/file`, without `..`.")
    if any(ord(character) < 32 or character in '\\:*?"<>|' or ord(character) == 127 for character in path):
        raise WrongName(f"{path!r} holds a character that not every file system can keep.")
    return PurePosixPath(path)


def _check_part(part: str) -> None:
    if len(part) > LENGTH or _PART.fullmatch(part) is None or "--" in part or ".." in part or part.endswith(".git"):
        raise WrongName(
            f"{part[:100]!r} is no name: use up to {LENGTH} letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit."
        )
